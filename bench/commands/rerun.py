"""`rerun`: a finished run once more from its record, and whether the result is bit-identical."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from bench.base.errors import BenchError, UsageError
from bench.base.home import Home, RunFolder
from bench.base.storage import explained
from bench.base.terminal import Terminal
from bench.base.validation import Strict
from bench.base.words import say
from bench.commands.recorded_files import placed, places, require_files
from bench.ledger.checkpoint_files import read_weights, tensors_of, weights_name
from bench.ledger.difference import difference
from bench.ledger.folders import checked_result, metric_rows, read_result
from bench.run.executors.executor import load_executor
from bench.schema.run_spec import RunSpec, code_hash, read_spec, write_spec
from bench.schema.upkeep import Upkeep, write_upkeep
from bench.show.live import RunView


class Rerun(Strict):
    """A run and the same once more.

    Attributes:
        run, rerun: their folders.
        weights, losses, scores: each part that is compared -> `same` or how it differs.
        identical: whether all of it is bit-identical.
        explanations: other versions or other code, one line each.
    """

    run: str
    rerun: str
    weights: dict[str, str]
    losses: dict[str, str]
    scores: dict[str, str]
    identical: bool
    explanations: list[str]


def rerun(
    home: Home,
    folder: RunFolder,
    debug: bool,
    quiet: bool,
    executor: str = "local",
    files: Mapping[str, str] | None = None,
    metrics: Sequence[str] = (),
    job: Mapping[str, Any] | None = None,
) -> Rerun:
    """Run a run's recorded specification in a fresh folder, `<home>/reruns/KEY/N`, and compare.

    A rerun that was interrupted is continued.

    Args:
        home: the results root; caches and needed runs are shared.
        folder: a finished run.
        debug: show the traceback of a failure.
        quiet: progress on standard error.
        executor: name of the executor that runs it.
        files: `loss`, `method` -> FILE.py:Class, where the user's file of the run is on this machine.
        metrics: FILE.py:Class of the user's metrics that score it.
        job: what a queue is asked for; None: nothing beside its options.

    Raises:
        UsageError: if the run is not finished, the executor submits no jobs that could be asked for anything, or one of
            its user's files is not named or has changed.
        BenchError: if a record is damaged, or the rerun fails.
    """
    spec = read_spec(folder.spec)
    if checked_result(folder) is None:
        raise UsageError(f"run {folder.key} is not finished; finish it first (run the command that started it again)")
    spec = placed(spec, places(spec, files or {}, metrics))
    require_files(spec)
    _require_weights(folder, spec)
    metric_rows(folder)  # raises if the losses cannot be compared
    again = _fresh(home, spec)
    key = spec.train_key
    if read_result(again.run(key)) is None:
        runner = load_executor(executor)(again, slots=1, debug=debug, job=job)
        with RunView(Terminal(stderr=quiet), again, {key: spec}, {key: f"{spec.title} once more"}, 1) as view:
            outcome = runner.run({key: spec}, view)[key]
        if outcome.state != "done":
            raise BenchError(f"rerun of {key} {outcome.state}: {outcome.reason}")
    return compare_runs(folder, again.run(key), spec)


def _require_weights(folder: RunFolder, spec: RunSpec) -> None:
    """Refuse, before anything is trained, a run whose weights are missing or damaged: nothing could be compared.

    Of weights that went by `--keep` the checksum is still there.
    """
    from safetensors import SafetensorError, safe_open

    for epoch in spec.scored_epochs:
        path = tensors_of(folder.checkpoints, weights_name(epoch))
        try:
            if not read_weights(folder.checkpoints, epoch, folder.key).dropped:
                with safe_open(path, framework="pt"):
                    pass
        except (OSError, SafetensorError, BenchError) as error:
            raise BenchError(
                f"{path}: is missing or damaged, so a rerun has nothing to be compared with; remove the run's folder and "
                "run the command that started it again"
            ) from error


def _fresh(home: Home, spec: RunSpec) -> Home:
    """A results root for one rerun, linked to the caches, weight files and needed runs of `home`."""
    key = spec.train_key
    place = home.root / "reruns" / key
    number = 1
    while (place / str(number) / key / "result.json").exists():
        number += 1
    root = place / str(number)
    with explained(root):
        root.mkdir(parents=True, exist_ok=True)
        for name in ("cache", "weights", *spec.comes_after):
            (home.root / name).mkdir(exist_ok=True)
            if not (root / name).is_symlink():
                (root / name).symlink_to(os.path.relpath(home.root / name, root))
    again = Home(root, home.datasets)
    write_spec(again.run(key).spec, spec)
    write_upkeep(again.run(key), Upkeep(keep="all"))
    return again


def compare_runs(first: RunFolder, second: RunFolder, spec: RunSpec) -> Rerun:
    """Compare weights, losses and scores of two finished runs of one specification, bit by bit."""
    compared = difference(first, second)
    if compared.problems:
        raise BenchError(compared.problems[0])
    weights = {f"epoch {epoch}": _weights(first, second, epoch) for epoch in spec.scored_epochs}
    scores = {name: "same" if a == b else f"{a} and {b}" for name, (a, b) in compared.scores.items()}
    losses = _losses(first, second)
    explanations = [f"{name}: {a} then, {b} now" for name, (a, b) in compared.versions.items()]
    if compared.code:
        result = read_result(first)
        then = ", ".join(sorted(code[:12] for code in result.codes)) if result else "unknown"
        explanations.append(f"contrastbench's code: {then} then, {code_hash()[:12]} now")
    return Rerun(
        run=str(first.path),
        rerun=str(second.path),
        weights=weights,
        losses=losses,
        scores=scores,
        identical=all(part == "same" for part in (*weights.values(), *losses.values(), *scores.values())),
        explanations=explanations,
    )


def _weights(first: RunFolder, second: RunFolder, epoch: int) -> str:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    name = weights_name(epoch)
    try:
        records = [read_weights(folder.checkpoints, epoch, folder.key) for folder in (first, second)]
        if any(record.dropped for record in records):
            same = records[0].sha256 == records[1].sha256
            return "same" if same else "other weights, by their checksums: the tensors went by --keep"
        a, b = (load_file(tensors_of(folder.checkpoints, name)) for folder in (first, second))
    except (OSError, SafetensorError, BenchError) as error:
        raise BenchError(
            f"{name}: weights of {first.key} or of its rerun are missing or damaged; run it again"
        ) from error
    if records[0].networks != records[1].networks:  # one of them is kept whole, since another run needs it
        a, b = ({key: tensors[key] for key in a.keys() & b.keys()} for tensors in (a, b))
    if a.keys() != b.keys():
        return f"other tensors: {', '.join(sorted(a.keys() ^ b.keys())[:3])}"

    def bits(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.reshape(-1).view(torch.uint8)  # -0 and 0 are not the same, two equal NaN are

    differing = [key for key in a if a[key].shape != b[key].shape or not torch.equal(bits(a[key]), bits(b[key]))]
    if not differing:
        return "same"
    largest = max(float((a[key].double() - b[key].double()).abs().max()) for key in differing)
    return f"{len(differing)} of {len(a)} tensors differ, by {largest:.3g} at most"


def _losses(first: RunFolder, second: RunFolder) -> dict[str, str]:
    # as text: -0 and 0 are not the same; how rows are linked to those before them is no loss
    rows = [[json.dumps(row) for row in metric_rows(folder)] for folder in (first, second)]
    if rows[0] == rows[1]:
        return {f"{len(rows[0])} rows": "same"}
    place = next((i for i, (a, b) in enumerate(zip(*rows, strict=False)) if a != b), min(map(len, rows)))
    return {f"{len(rows[0])} rows": f"differ from row {place + 1} of {len(rows[1])}"}


def print_rerun(repeated: Rerun) -> None:
    """Show the outcome of a rerun."""
    console = Terminal()
    for part, compared in (("weights", repeated.weights), ("losses", repeated.losses), ("scores", repeated.scores)):
        differing = {name: text for name, text in compared.items() if text != "same"}
        extent = f"{len(compared)} of them" if part == "scores" else ", ".join(compared)
        if not differing:
            say(console, f"{part}: bit-identical ({extent})")
        for name, text in differing.items():
            say(console, f"{part}: {name}: {text}")
    if not repeated.identical:
        for line in repeated.explanations or ["code, versions and device are the same: the run is not deterministic"]:
            say(console, f"  {line}")
    say(console, f"the rerun is in {repeated.rerun}")
