"""`train`: runs of one method, and what they scored; nothing is compared."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as Grille

from bench.base.terminal import Terminal
from bench.base.validation import Strict
from bench.base.words import say, shown_path
from bench.commands.execution import Execution
from bench.ledger.facts import RunFacts
from bench.ledger.folders import chosen_epochs
from bench.plan.check_protocol import check_protocol
from bench.plan.grid import Grid
from bench.plan.resolve import Resolution, resolve
from bench.plugin.discovery import find_plugin
from bench.run.executors.executor import Executor
from bench.schema.protocol import Protocol
from bench.show.samples import sample_sheet


class TrainedRun(Strict):
    """One run as `train` shows it.

    Attributes:
        seed, key, state, reason: which run, how far it is, and why it is not further.
        scores: metric -> its value at the checkpoint that counts.
        missing: metric -> why it has none.
        epoch: that checkpoint's; None where none is scored.
        folder: of the run.
    """

    seed: int
    key: str
    state: str
    reason: str
    epoch: int | None
    scores: dict[str, float]
    missing: dict[str, str]
    folder: str


@dataclass
class Training:
    """Runs of one method.

    Attributes:
        grid: they are in it.
        resolution: what is run.
        keys: seed -> train key.
    """

    grid: Grid
    resolution: Resolution
    keys: dict[int, str]

    @property
    def sheet(self) -> Path:
        """Where samples of the first seed are shown."""
        parts = (self.resolution.plugin.name, self.resolution.ran.name, self.resolution.scale_name)
        return self.grid.home.root / "sheets" / f"{'-'.join(parts)}.png"

    def runs(self) -> list[TrainedRun]:
        """What is known of each run now."""
        facts = self.grid.facts(list(self.keys.values()))
        return [self._run(seed, key, facts[key]) for seed, key in self.keys.items()]

    def _run(self, seed: int, key: str, facts: RunFacts) -> TrainedRun:
        select, counts = self.resolution.ran.select_by, self.resolution.asked.counts
        higher = bool(find_plugin("metric", select).literals["higher_is_better"])
        epoch = chosen_epochs(facts.scores, select, higher).get(counts)
        rows = [row for row in facts.scores if (row.split, row.epoch) == ("test", epoch)]
        return TrainedRun(
            seed=seed,
            key=key,
            state=facts.state,
            reason=facts.reason,
            epoch=epoch,
            scores={row.metric: row.value for row in rows if row.value is not None},
            missing={row.metric: row.reason or row.state for row in rows if row.value is None},
            folder=str(self.grid.home.run(key).path),
        )


def plan_training(
    grid: Grid, method: str, protocol: Protocol, scale: str, seeds: int, settings: dict[str, Any]
) -> Training:
    """Add the runs to a grid; those that exist already are found again by their keys.

    Args:
        grid: empty.
        method: a name or FILE.py:Class.
        protocol: what they are trained and scored under.
        scale: smoke, mini or paper.
        seeds: how many runs.
        settings: the user's own changes (--set).

    Raises:
        NotAvailable: if data or weights are not on this machine.
        UsageError: for wrong names or settings.
    """
    check_protocol(protocol, scale, [method])
    resolution = resolve(method, protocol, scale, settings=settings)
    return Training(grid, resolution, {seed: grid.add_run(resolution, seed) for seed in range(seeds)})


def train(training: Training, executor: Executor, as_json: bool, mlflow: str | None = None, wait: bool = True) -> bool:
    """Do what is left of the runs and say what they scored.

    Args:
        training: from `plan_training`.
        executor: where the runs are done.
        as_json: print the runs as JSON on standard output and everything else on standard error.
        mlflow: address at which the runs are shown meanwhile; None: nowhere.
        wait: whether to wait for the runs where the executor has a queue that does them.

    Returns:
        Whether anything failed or is not shown.
    """
    console = Terminal(stderr=as_json)
    work = Execution(training.grid, executor, console, mlflow)
    failed = False
    with work.shown_in_mlflow():
        if work.todo:
            failed = any(outcome.state != "done" for outcome in work.run(wait=wait).values())
        runs = training.runs()
        first = {training.resolution.plugin.name: training.keys[min(training.keys)]}
        sheet = sample_sheet(training.grid, training.resolution, first, training.sheet)
        _print(training, runs, console)
    if as_json:
        print(json.dumps([run.model_dump() for run in runs], indent=1))
    if sheet is not None:
        say(console, f"samples: {shown_path(sheet)}")
    work.say_end()
    return failed or bool(work.not_shown) or any(run.state == "failed" for run in runs)


def _print(training: Training, runs: list[TrainedRun], console: Console) -> None:
    """A line for each run, a column for each metric that has a value."""
    asked = training.resolution
    metrics = [use.metric for use in asked.ran.metrics if any(use.metric in run.scores for run in runs)]
    title = f"{asked.plugin.name} on {asked.ran.id}, scale {asked.scale_name}, checkpoint {asked.asked.counts}"
    say(console, f"\n{title}")
    table = Grille(box=None)
    for column in ("seed", "state", *metrics):
        table.add_column(column, overflow="fold")
    for run in runs:
        values = (f"{run.scores[metric]:.4g}" if metric in run.scores else "" for metric in metrics)
        table.add_row(str(run.seed), run.state, *values)
    console.print(table)
    for run in runs:
        say(console, f"seed {run.seed}: {shown_path(Path(run.folder))}")
    for metric, reason in {metric: reason for run in runs for metric, reason in run.missing.items()}.items():
        if metric not in metrics:
            say(console, f"{metric}: {reason}")
    for run in runs:
        if run.reason and run.state != "done":
            say(console, f"seed {run.seed} {run.state}: {run.reason}")
