"""`compare`: run what is left, then write and print what was found."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from bench.base.errors import BenchError, UsageError, unknown_name
from bench.base.sealed import Damaged
from bench.base.storage import write_text
from bench.base.terminal import Terminal
from bench.base.words import say, shown_path
from bench.commands.execution import Execution
from bench.compare.contenders import Entrant
from bench.compare.document import lay_out
from bench.compare.figures import write_figures
from bench.compare.findings import Findings, collect
from bench.plan.grid import Grid
from bench.run.executors.executor import Executor, Outcome
from bench.schema.run_spec import digest
from bench.show.samples import sample_sheet

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Comparison:
    """Contenders, their runs, and where the outcome goes.

    Attributes:
        name: of the folder below `comparisons/`.
        scale, budget: as asked for.
        entrants: the candidate first.
        grid: the runs of all of them.
        metrics: compare by these only; none: by all of the protocol's.
        keys: label -> seed -> train key.
    """

    name: str
    scale: str
    budget: str
    entrants: Sequence[Entrant]
    grid: Grid
    metrics: Sequence[str] = ()
    keys: dict[str, dict[int, str]] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where everything is written."""
        return self.grid.home.root / "comparisons" / self.name

    def findings(self) -> Findings:
        """What is known now."""
        return collect(self.name, self.scale, self.budget, self.entrants, self.keys, self.grid, self.metrics)


def default_name(entrants: Sequence[Entrant], protocol: str, scale: str, budget: str) -> str:
    """A folder name that says what was compared."""
    labels = [entrant.label for entrant in entrants]
    parts = [labels[0], "vs", *labels[1:], protocol, scale] + (["as-published"] if budget != "equal" else [])
    return "-".join(re.sub(r"[^A-Za-z0-9_.]+", "_", part) for part in parts)


def plan_comparison(comparison: Comparison, seeds: int) -> Comparison:
    """Add every contender's runs to the comparison's grid; runs that exist already are found again by their keys.

    Raises:
        NotAvailable: if data or weights are not on this machine.
        UsageError: if two contenders are the same run, for a metric that the protocol lacks, or for a name that is no
            folder's.
    """
    if not re.fullmatch(r"\w[\w.-]*", comparison.name):  # it becomes a folder's name
        raise UsageError(f"--name {comparison.name}: may only hold letters, digits and ._-; choose another name")
    known = [use.metric for use in comparison.entrants[0].resolution.ran.metrics]
    for metric in comparison.metrics:
        if metric not in known:
            raise unknown_name(f"metric of {comparison.entrants[0].resolution.ran.id}", metric, known)
    owner: dict[str, str] = {}
    for entrant in comparison.entrants:
        for seed in range(seeds):
            key = comparison.grid.add_run(entrant.resolution, seed)
            other = owner.setdefault(key, entrant.label)
            if other != entrant.label:
                raise UsageError(f"{entrant.label} and {other} are the same run ({key}): nothing differs; change one")
            comparison.grid.names[key] = f"{entrant.label} on {entrant.resolution.ran.name}, seed {seed}"
            comparison.keys.setdefault(entrant.label, {})[seed] = key
    return comparison


def settle_name(comparison: Comparison, chosen: bool) -> None:
    """Keep a comparison from writing over another one of the same name: other files, options, seeds or protocol.

    The same command, or one with more seeds, finds its own folder again.

    Args:
        comparison: from `plan_comparison`; a name that another comparison holds gets a part of its runs' keys.
        chosen: whether the user chose the name.

    Raises:
        UsageError: the user chose a name that another comparison holds.
    """
    keys = sorted(key for of in comparison.keys.values() for key in of.values())
    held = _held(comparison.folder)
    if held <= set(keys):
        return
    if chosen:
        raise UsageError(
            f"--name {comparison.name}: {comparison.folder} holds a comparison of other runs; choose another name, or "
            "remove that folder (runs are kept elsewhere)"
        )
    comparison.name = f"{comparison.name}-{digest(keys)[:8]}"


def _held(folder: Path) -> set[str]:
    """The runs of the comparison in a folder, as far as its record can be read."""
    try:
        findings = Findings.read(folder / "comparison.json", folder.name)
    except Damaged:  # it is written anew
        return set()
    return {key for contender in (findings.contenders if findings else []) for key in contender.train_keys.values()}


def compare(comparison: Comparison, executor: Executor, as_json: bool, mlflow: str | None = None) -> bool:
    """Do what is left of a comparison and write it down.

    Args:
        comparison: from `plan_comparison`.
        executor: where the runs are done.
        as_json: print the findings as JSON on standard output and everything else on standard error.
        mlflow: address at which the runs are shown meanwhile; None: nowhere.

    Returns:
        Whether anything failed or is not shown.

    Raises:
        BenchError: if the candidate fails before it has logged anything: its own mistake, so the rest is not run.
    """
    console = Terminal(stderr=as_json)
    work = Execution(comparison.grid, executor, console, mlflow)
    outcomes: dict[str, Outcome] = {}
    with work.shown_in_mlflow():
        if work.todo:
            # from the start it says which runs are its own
            comparison.findings().write(comparison.folder / "comparison.json", comparison.name)
            outcomes = work.run(_Watch(comparison))
        findings = comparison.findings()
        paths = write(comparison, findings)
        _print(findings, console)
    if as_json:
        print(json.dumps(findings.model_dump(mode="json"), indent=1))
    say(console, "\nthe comparison is written to")
    for path in paths:
        say(console, f"  {shown_path(path)}")
    work.say_end()
    return any(outcome.state != "done" for outcome in outcomes.values()) or bool(
        work.not_shown or any(c.problems for c in findings.contenders)
    )


class _Watch:
    """Stops everything if the candidate turns out not to work at all."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    def __call__(self, active: Mapping[str, str], outcomes: dict[str, Outcome]) -> None:
        label = self.comparison.entrants[0].label
        mine = self.comparison.keys[label].values()
        failed = [outcomes[key].reason for key in mine if key in outcomes and outcomes[key].state == "failed"]
        metrics = [self.comparison.grid.home.run(key).metrics for key in mine]
        if failed and not any(path.exists() and path.stat().st_size for path in metrics):
            raise BenchError(f"{label} fails from the start, so nothing else is run: {failed[0]}")


def write(comparison: Comparison, findings: Findings) -> list[Path]:
    """Write a comparison in every format.

    Returns:
        The files: comparison.json, table.md, table.tex, scores.csv (a line per seed, metric and checkpoint rule),
        differences.csv, the figures and the sample sheet.
    """
    from results.tables.writers.latex import latex
    from results.tables.writers.markdown import markdown

    folder, grid = comparison.folder, comparison.grid
    document = lay_out(findings)
    texts = {
        "table.md": markdown(document),
        "table.tex": latex(document),
        "scores.csv": scores_table(findings).to_csv(index=False, lineterminator="\n"),
        "differences.csv": differences_table(findings).to_csv(index=False, lineterminator="\n"),
    }
    findings.write(folder / "comparison.json", comparison.name)
    for name, text in texts.items():
        write_text(folder / name, text)
    paths = [folder / name for name in ("comparison.json", *texts)] + write_figures(findings, grid.home, folder)
    first = {entrant.label: min(comparison.keys[entrant.label].items())[1] for entrant in comparison.entrants}
    sheet = sample_sheet(grid, comparison.entrants[0].resolution, first, folder / "samples.png")
    return [*paths, sheet] if sheet is not None else paths


def scores_table(findings: Findings) -> pd.DataFrame:
    """Every score: a line per contender, metric, checkpoint rule and seed."""
    import pandas as pd

    columns = [
        "contender",
        "metric",
        "higher_is_better",
        "checkpoint",
        "counts",
        "seed",
        "value",
        "score_key",
        "train_key",
    ]
    rows = [
        (contender.label, metric, findings.metrics[metric], rule, rule == findings.counts, seed, value,
         measured.score_keys[seed], contender.train_keys[seed])
        for contender in findings.contenders
        for metric, rules in contender.scores.items()
        for rule, measured in rules.items()
        for seed, value in measured.values.items()
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def differences_table(findings: Findings) -> pd.DataFrame:
    """Every duel: a line per metric and other contender."""
    import pandas as pd

    rows = []
    for duel in findings.duels:
        paired = duel.paired
        row = {"candidate": findings.candidate.label, "minus": duel.rival, "metric": duel.metric,
               "higher_is_better": duel.higher_is_better, "judgement": duel.judgement}  # fmt: skip
        if paired is not None:
            row |= {"n_seeds": len(paired.seeds), "difference": paired.difference, "interval_low": paired.interval.low,
                    "interval_high": paired.interval.high, "effect_size": paired.effect_size, "p": paired.p_value,
                    "p_holm": duel.p_holm, "detectable": paired.detectable}  # fmt: skip
        rows.append(row)
    return pd.DataFrame(rows)


def _print(findings: Findings, console: Console) -> None:
    from results.tables.writers.terminal import terminal

    for part in terminal(lay_out(findings)):
        console.print(part)
