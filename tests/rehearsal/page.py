"""docs/rehearsal.md: what was predicted and what was measured, and nothing that was not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.base.words import duration, size_text
from tests.rehearsal.rehearse import Rehearsed

UNKNOWN = "not measured yet"
WITHIN = 0.25  # of what `plan` predicts

HEAD = f"""# Rehearsal at paper scale

*Written by `python -m tests.rehearsal` (`tox run -e rehearsal`); do not edit.*

The first day at paper scale, lived through without the data. **Everything in it is made up and no number here is a result
about a method**: the pictures are blots of chance colours with the counts, sizes and formats of horse2zebra and Cityscapes,
and the pretrained networks (FID's Inception, the DRN, VGG16) have random weights in the layouts of the official files. All
of it is named so: the protocols, tables and data sets are called `made-up-...`, and the distance of the random Inception is
`made-up-FID`, since no other file than the official one is taken for FID's. The networks that take random weights are
plugins of their own, which name their file and its hash; the files lie in a folder of the user's (`CONTRASTBENCH_WEIGHTS`).

For each method: `plan --calibrate`; `reproduce`, killed with all its processes (SIGKILL) after its first step and the first
state on disk; the home moved to another folder; `reproduce` there, which has to go on from that state and to score two
checkpoints. Sizes, networks, widths and batches are the published ones; only epochs and images an epoch are fewer (the scale
`smoke` of the made-up protocols). Ratios are measured over predicted; the aim is within {WITHIN:.0%}.
"""


def write_page(
    path: Path, methods: Sequence[str], found: Mapping[str, Rehearsed], whole: dict[str, Any] | None
) -> None:
    """Write the page.

    Args:
        path: where.
        methods: in their order; those that were not rehearsed say so.
        found: what was measured, by method.
        whole: the whole table's plan, from `plan_whole`; None: it was not planned.
    """
    parts = [HEAD, *_whole(whole), *_measured(methods, found)]
    path.write_text("\n".join(parts).rstrip() + "\n")


def _whole(whole: dict[str, Any] | None) -> list[str]:
    head = ["## The whole table, planned", ""]
    if whole is None:
        return [*head, f"`plan made-up-src-hdce/main --scale paper`: {UNKNOWN}.", ""]
    made, published = whole["totals"], whole["published"]
    rows = [
        ["`made-up-src-hdce/main`, on made-up data", str(made["runs"]), *_sizes(made)],
        ["`src-hdce/main`, whose data is not here", str(published["runs"]), *_sizes(published)],
    ]
    said = f"`plan --scale paper` took {whole['seconds']} s, in which it read every picture."
    return [*head, said, "", *_table(["table", "runs", "disk, all at once", "disk, once measured"], rows), ""]


def _sizes(totals: Mapping[str, Any]) -> list[str]:
    return [size_text(totals["peak_bytes"]), size_text(totals["disk_bytes"])]


def _measured(methods: Sequence[str], found: Mapping[str, Rehearsed]) -> list[str]:
    rows, notes = [], []
    for name in methods:
        row = found.get(name)
        if row is None or row.problem:
            rows.append([name, UNKNOWN])
            notes += [f"* {name}: {row.problem}"] if row else []
            continue
        paper = row.paper_steps * row.seconds
        rows.append(
            [
                name,
                f"{row.steps}",
                *(f"{row.plan_seconds:.2f}", f"{row.seconds:.2f}", _ratio(row.seconds, row.plan_seconds)),
                *(duration(row.plan_paper_seconds), duration(paper)),
                *(size_text(row.plan_peak), size_text(row.peak), _ratio(row.peak, row.plan_peak)),
                *(size_text(row.plan_after), size_text(row.after), _ratio(row.after, row.plan_after)),
                size_text(row.plan_memory) if row.plan_memory else "",
                *(size_text(row.memory), _ratio(row.memory, row.plan_memory)),
            ]
        )
        busy = " (a busy machine: other work shared the cores all the time)" if row.load > row.cores else ""
        scored = "all" if row.test_images is None else str(row.test_images)
        notes.append(
            f"* {name}: {row.date}, {row.cores} cores, load {row.load} when it began{busy}; {row.images} images an epoch; "
            f"killed after step {row.killed_after}, went on after step {row.went_on_after}; two checkpoints scored, with "
            f"{scored} test images each, {row.scores} scores together; {duration(row.wall)} in all"
        )
    head = ["method", "steps", "s/step, predicted", "measured", "ratio", "published run, predicted", "from measured"]
    head += [
        "disk at most, predicted",
        "measured",
        "ratio",
        "disk after, predicted",
        "measured",
        "ratio",
        "memory at most, predicted",
        "measured",
        "ratio",
    ]
    lines = [
        "## Predicted and measured, one run of each method",
        "",
        *_table(head, rows),
        "",
        "Memory is the most that one process of the run held. Times are those of training alone, as `plan` says: scoring "
        "comes on top. A time that was measured beside other work is as much noise "
        "as figure: see the load. The most on disk is there only while a third state is being written, and a run of few "
        "steps that is looked at three times a second may show less; `plan` says what it can be at most.",
        "",
    ]
    return [*lines, "How each was measured:", "", *notes, ""] if notes else lines


def _ratio(measured: float, predicted: float) -> str:
    return f"{measured / predicted:.2f}" if predicted else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    width = len(head)
    lines = ["| " + " | ".join(head) + " |", "|---" * width + "|"]
    return lines + ["| " + " | ".join([*row, *[""] * (width - len(row))]) + " |" for row in rows]
