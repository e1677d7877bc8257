"""What `plan` and `status` show: runs, what is done, what is left, and the time it took where it is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.base.errors import BenchError, NotAvailable
from bench.base.home import Home, RunFolder
from bench.base.storage import read_object
from bench.base.validation import Strict, validation_line
from bench.base.words import duration, say, size_text
from bench.ledger.folders import is_older_code, read_result, run_state
from bench.plan.cost_of_plan import PlannedRun, WaitingRuns, run_costs, totals
from bench.plan.grid import Grid
from bench.schema.run_spec import RunSpec, read_spec


class RunRow(Strict):
    """A run as `status` shows it; a folder that cannot be read has a key, a state and a reason only.

    Attributes:
        key: its train key, the name of its folder.
        method, data, seed: what is trained on what.
        asked_by: protocols and scale that asked for it.
        needs: role -> train key of a run that must be finished first.
        state, reason: how far it is, and why it is not further.
        step, total_steps: of its training.
        train_seconds: what the training took, None before it is finished.
        older_code: whether its result was made by earlier code.
        folder: where it is.
    """

    key: str
    method: str | None = None
    data: str | None = None
    seed: int | None = None
    asked_by: list[str] = []
    needs: dict[str, str] = {}
    state: str
    reason: str
    step: int | None = None
    total_steps: int | None = None
    train_seconds: float | None = None
    older_code: bool = False
    folder: str


class PlanRow(PlannedRun, RunRow):
    """A run as `plan` shows it: with its cost."""


def _row(folder: RunFolder, spec: RunSpec) -> RunRow:
    """Raises BenchError if a record of the run holds something else than it should."""
    state, reason = run_state(folder)
    result = read_result(folder) or {}
    progress = read_object(folder.progress) or {}
    try:
        return RunRow(
            key=folder.key,
            method=spec.label,
            data=spec.data.name,
            seed=spec.seed,
            asked_by=spec.asked_by,
            needs=spec.needs,
            state=state,
            reason=reason,
            step=result.get("steps", progress.get("step", 0)),
            total_steps=result.get("steps", progress.get("total_steps")),
            train_seconds=result.get("train_seconds"),
            older_code=is_older_code(folder),
            folder=str(folder.path),
        )
    except ValidationError as error:
        raise BenchError(validation_line(f"{folder.path}: damaged record", error)) from error


def plan_rows(grid: Grid, calibrate: bool = False, say: Callable[[str], None] = lambda _: None) -> list[PlanRow]:
    """One row per run of a grid, with its cost.

    Args:
        grid: the runs.
        calibrate: measure the seconds of a step where no run has told them yet.
        say: given a line before each measurement.
    """
    rows = {key: _row(grid.home.run(key), spec) for key, spec in grid.runs.items()}
    costs = run_costs(grid, calibrate, say)
    return [PlanRow(**row.model_dump(), **costs[key].model_dump()) for key, row in rows.items()]


def print_plan(grid: Grid, rows: Sequence[PlanRow], waiting: Sequence[WaitingRuns] = ()) -> None:
    """Show a plan: the runs, the cells that cannot be filled and why, and what everything costs.

    Args:
        grid: the runs and cells.
        rows: from `plan_rows`.
        waiting: runs whose data is not here, from `bench.plan.cost_of_plan.waiting_costs`.
    """
    console = Console()
    _print_rows(console, [(row, row.expected_seconds) for row in rows], "expected")
    states = [cell.blocked[0] if cell.blocked else "planned" for cell in grid.cells]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    say(console, f"{len(grid.cells)} cells: {counts}; {len(rows)} runs, {_left(rows)} left to do")
    for reason in dict.fromkeys(f"{cell.blocked[0]}: {cell.blocked[1]}" for cell in grid.cells if cell.blocked):
        say(console, f"  {reason}")
    for reason in _unmeasurable(grid):
        say(console, f"  {reason}")
    for one in waiting:
        say(
            console,
            f"  waiting for data {one.data} of {one.protocol}: {one.runs} runs of {one.method}, each "
            f"{duration(one.expected_seconds)} and {size_text(one.disk_bytes)}",
        )
    total = totals(rows, waiting)
    if not total.runs:
        say(console, "nothing is left to run")
        return
    measured = total.runs - total.unmeasured
    hours = f"about {duration(total.device_hours * 3600)} on one device" if measured else "time not known"
    if measured and total.unmeasured:
        hours += f" for the {measured} that are measured"
    advice = "; plan --calibrate measures the others" if total.unmeasured else ""
    say(
        console,
        f"left: {total.runs} runs, {hours}{advice}; {size_text(total.disk_bytes)} of checkpoints; scoring comes on top",
    )


def _unmeasurable(grid: Grid) -> list[str]:
    """Why cells that are planned on published data would stay empty: a network's weights are not here."""
    from bench.metrics.metric import load_metric

    # cells on stand-in data have another metric, whose network is embedded
    metrics = [cell.template().scored_as for cell in grid.cells if cell.keys]
    reasons = []
    for name in dict.fromkeys(metrics):
        extractor = load_metric(str(name)).extractor
        if extractor is None:
            continue
        try:
            extractor(grid.home.weights).check()
        except NotAvailable as error:
            reasons.append(f"{metrics.count(name)} of the planned cells would have no score: {error}")
    return reasons


def _left(rows: Sequence[RunRow]) -> int:
    return sum(row.state != "done" for row in rows)


def status_rows(home: Home) -> list[RunRow]:
    """One row per run folder under the home; a folder that cannot be read is one of state `unreadable`, with the reason."""
    rows = []
    for folder in home.runs():
        try:
            rows.append(_row(folder, read_spec(folder.spec)))
        except BenchError as error:
            rows.append(RunRow(key=folder.key, state="unreadable", reason=str(error), folder=str(folder.path)))
    return rows


def print_status(rows: Sequence[RunRow], home: Path) -> None:
    """Show every run and its state."""
    console = Console()
    if not rows:
        say(console, f"no runs under {home}; start with: contrastbench reproduce src-hdce/main --scale smoke")
        return
    _print_rows(console, [(row, row.train_seconds) for row in rows], "trained")
    say(console, f"{len(rows)} runs, {_left(rows)} not done")


def _print_rows(console: Console, rows: Sequence[tuple[RunRow, float | None]], title: str) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("run", "data", "seed", "state", "steps", title):
        # in a narrow terminal these two are folded, never a run's key, which people copy
        table.add_column(name, no_wrap=name not in ("data", "state"), overflow="fold")
    for row, seconds in rows:
        total = row.total_steps
        state = row.state + (" (older code)" if row.older_code else "")
        table.add_row(
            escape(row.key),
            row.data or "",
            "" if row.seed is None else str(row.seed),
            escape(f"{state}: {row.reason}" if row.reason else state),
            f"{row.step}/{total}" if total else "",
            duration(seconds) if seconds is not None else "?" if row.data else "",
        )
    console.print(table)
