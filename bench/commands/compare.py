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
from bench.compare.collect import collect
from bench.compare.contenders import Entrant
from bench.compare.document import lay_out
from bench.compare.figures import write_figures
from bench.compare.findings import Findings
from bench.compare.paper import bibliography, paragraph
from bench.compare.within import seeds_within
from bench.plan.cost_of_plan import run_costs
from bench.plan.grid import Grid
from bench.run.executors.executor import Executor, Outcome
from bench.schema.run_spec import digest
from bench.show.samples import sample_sheet

if TYPE_CHECKING:
    import pandas as pd

LONGEST_NAME = 100  # of a folder that the user does not name


@dataclass
class Comparison:
    """Contenders, their runs, and where the outcome goes.

    Attributes:
        name: of the folder below `comparisons/`.
        scale, budget: as asked for.
        entrants: the candidates first.
        grid: the runs of all of them.
        metrics: compare by these only; none: by all of the protocol's.
        difference: the smallest by the selecting metric that matters; None: nobody said.
        rule: by which the number of seeds was chosen; empty: the user said it.
        keys: label of a try -> seed -> train key; a contender that is not swept has one try, of its own label.
    """

    name: str
    scale: str
    budget: str
    entrants: Sequence[Entrant]
    grid: Grid
    metrics: Sequence[str] = ()
    difference: float | None = None
    rule: str = ""
    keys: dict[str, dict[int, str]] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where everything is written."""
        return self.grid.home.root / "comparisons" / self.name

    def findings(self) -> Findings:
        """What is known now."""
        found = collect(
            self.name, self.scale, self.budget, self.entrants, self.keys, self.grid, self.metrics, self.difference
        )
        return found.model_copy(update={"rule": self.rule})


def default_name(entrants: Sequence[Entrant], protocol: str, scale: str, budget: str) -> str:
    """A folder name that says what was compared."""
    labels = [entrant.label for entrant in entrants]
    candidates = sum(entrant.is_candidate for entrant in entrants)
    parts = [*labels[:candidates], "vs", *labels[candidates:], protocol, scale]
    parts += [one for one, is_so in (("as-published", budget != "equal"), ("sweep", _is_swept(entrants))) if is_so]
    name = "-".join(re.sub(r"[^A-Za-z0-9_.]+", "_", part).strip("_") for part in parts)
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}-{digest(name)[:8]}"


def _is_swept(entrants: Sequence[Entrant]) -> bool:
    return any(len(entrant.tries) > 1 for entrant in entrants)


def plan_comparison(comparison: Comparison, seeds: int) -> Comparison:
    """Add every contender's runs to the comparison's grid; runs that exist already are found again by their keys.

    Raises:
        NotAvailable: if data or weights are not on this machine.
        UsageError: if two tries are the same run, for a metric that the protocol lacks, for a name that is no folder's, or
            if a sweep has no validation images to choose by.
    """
    if not re.fullmatch(r"\w[\w.-]*", comparison.name):  # it becomes a folder's name
        raise UsageError(f"--name {comparison.name}: may only hold letters, digits and ._-; choose another name")
    known = [use.metric for use in comparison.entrants[0].resolution.ran.metrics]
    for metric in comparison.metrics:
        if metric not in known:
            raise unknown_name(f"metric of {comparison.entrants[0].resolution.ran.id}", metric, known)
    owner: dict[str, str] = {}
    for one in (one for entrant in comparison.entrants for one in entrant.tries):
        for seed in range(seeds):
            key = comparison.grid.add_run(one.resolution, seed)
            other = owner.setdefault(key, one.label)
            if other != one.label:
                raise UsageError(f"{one.label} and {other} are the same run ({key}): nothing differs; change one")
            comparison.grid.names[key] = f"{one.label} on {one.resolution.ran.name}, seed {seed}"
            comparison.keys.setdefault(one.label, {})[seed] = key
    if _is_swept(comparison.entrants) and "validation" not in comparison.grid.splits[next(iter(owner))]:
        ran = comparison.entrants[0].resolution.ran
        raise UsageError(
            f"--sweep: {ran.id} has no validation images, and test images must not choose; leave --sweep out, or give the "
            "protocol a validation split"
        )
    return comparison


def seeds_that_fit(comparison: Comparison, seconds: float, executor: Executor) -> int:
    """How many seeds of every contender fit into a time by measured speed; the rule is noted in the comparison.

    The same command again keeps to what its first one chose: the speed that is known by then would choose another number.

    Args:
        comparison: not planned yet.
        seconds: that may be spent.
        executor: where the runs are done.

    Raises:
        UsageError: two seeds do not fit, or the time of a run cannot be told.
    """
    console = Terminal(stderr=True)
    plan_comparison(comparison, seeds=1)
    mine = {key for of in comparison.keys.values() for key in of.values()}
    earlier = _findings_in(comparison.folder)
    if earlier is not None and earlier.rule and mine <= _held(comparison.folder):
        comparison.rule = earlier.rule
        return len(earlier.seeds)
    grid = comparison.grid
    costs = run_costs(grid, calibrate=True, say=lambda line: say(console, line))
    expected = [cost.expected_seconds for cost in costs.values()]
    spread = comparison.findings().spread
    count, comparison.rule = seeds_within(
        seconds, expected, executor.at_once(grid.runs.values()), spread, comparison.difference
    )
    say(console, comparison.rule)
    return count


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
    findings = _findings_in(folder)
    return {key for contender in (findings.contenders if findings else []) for key in contender.runs}


def _findings_in(folder: Path) -> Findings | None:
    try:
        return Findings.read(folder / "comparison.json", folder.name)
    except Damaged:  # it is written anew
        return None


def compare(
    comparison: Comparison, executor: Executor, as_json: bool, mlflow: str | None = None, wait: bool = True
) -> bool:
    """Do what is left of a comparison and write it down.

    Args:
        comparison: from `plan_comparison`.
        executor: where the runs are done.
        as_json: print the findings as JSON on standard output and everything else on standard error.
        mlflow: address at which the runs are shown meanwhile; None: nowhere.
        wait: whether to wait for the runs where the executor has a queue that does them.

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
            outcomes = work.run(_Watch(comparison), wait)
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
        entrant = self.comparison.entrants[0]
        tries = [list(self.comparison.keys[one.label].values()) for one in entrant.tries]
        # one try of a sweep may fail, all of them are the loss itself
        failed = [
            [outcomes[k].reason for k in keys if k in outcomes and outcomes[k].state == "failed"] for keys in tries
        ]
        metrics = [self.comparison.grid.home.run(key).metrics for keys in tries for key in keys]
        if all(failed) and not any(path.exists() and path.stat().st_size for path in metrics):
            raise BenchError(f"{entrant.label} fails from the start, so nothing else is run: {failed[0][0]}")


def write(comparison: Comparison, findings: Findings) -> list[Path]:
    """Write a comparison in every format.

    Returns:
        The files: comparison.json, table.md, table.tex, scores.csv (a line per seed, metric and checkpoint rule),
        differences.csv, paper.tex and paper.bib (a paragraph and what it cites), the figures and the sample sheet.
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
        "paper.tex": paragraph(findings),
        "paper.bib": bibliography(findings),
    }
    findings.write(folder / "comparison.json", comparison.name)
    for name, text in texts.items():
        write_text(folder / name, text)
    paths = [folder / name for name in ("comparison.json", *texts)] + write_figures(findings, grid.home, folder)
    first = {one.label: one.train_keys[min(one.train_keys)] for one in findings.contenders}
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
        row = {"candidate": duel.candidate, "minus": duel.rival, "metric": duel.metric,
               "higher_is_better": duel.higher_is_better, "judgement": duel.judgement}  # fmt: skip
        if paired is not None:
            row |= {"n_seeds": len(paired.seeds), "difference": paired.difference, "interval_low": paired.interval.low,
                    "interval_high": paired.interval.high, "effect_size": paired.effect_size, "p": paired.p_value,
                    "corrected_low": duel.corrected.low if duel.corrected else None,
                    "corrected_high": duel.corrected.high if duel.corrected else None,
                    "p_holm": duel.p_holm, "detectable": paired.detectable}  # fmt: skip
        rows.append(row)
    return pd.DataFrame(rows)


def _print(findings: Findings, console: Console) -> None:
    from results.tables.writers.terminal import terminal

    for part in terminal(lay_out(findings)):
        console.print(part)
