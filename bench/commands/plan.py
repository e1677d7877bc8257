"""`plan`: what a reproduction would run and cost, what is done already and what stands in its way."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.base.errors import NotAvailable
from bench.base.terminal import Terminal
from bench.base.words import duration, say, size_text
from bench.commands.status import RunRow, print_rows, run_row, runs_left
from bench.ledger.over_runs import over_runs
from bench.metrics.metric import load_metric
from bench.plan.cost_of_plan import PlannedRun, WaitingRuns, run_costs, totals
from bench.plan.cost_of_step import Calibrations
from bench.plan.grid import Grid


class PlanRow(PlannedRun, RunRow):
    """A run as `plan` shows it: with its cost."""


def plan_rows(
    grid: Grid,
    calibrate: bool = False,
    say: Callable[[str], None] = lambda _: None,
    known: Calibrations | None = None,
) -> list[PlanRow]:
    """One row per run of a grid, with its cost.

    Args:
        grid: the runs.
        calibrate: measure the seconds of a step where no run has told them yet.
        say: given a line before each measurement.
        known: what was measured so far; None: it is read.
    """
    keys = list(grid.runs)
    rows = over_runs(grid.home, lambda key, checked: run_row(grid.home.run(key), grid.runs[key], checked), keys)
    by_key = dict(zip(keys, rows, strict=True))
    done = {key for key, row in by_key.items() if row.train_seconds is not None}
    costs = run_costs(grid, calibrate, say, known, done)
    return [PlanRow.model_construct(**row.__dict__, **costs[key].__dict__) for key, row in by_key.items()]


def print_plan(grid: Grid, rows: Sequence[PlanRow], waiting: Sequence[WaitingRuns] = ()) -> None:
    """Show a plan: the runs, the cells that cannot be filled and why, and what everything costs.

    Args:
        grid: the runs and cells.
        rows: from `plan_rows`.
        waiting: runs whose data is not here, from `bench.plan.cost_of_plan.waiting_costs`.
    """
    console = Terminal()
    print_rows(console, [(row, row.expected_seconds) for row in rows], "expected")
    states = [cell.blocked[0] if cell.blocked else "planned" for cell in grid.cells]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    say(console, f"{len(grid.cells)} cells: {counts}; {len(rows)} runs, {runs_left(rows)} left to do")
    for reason in dict.fromkeys(f"{cell.blocked[0]}: {cell.blocked[1]}" for cell in grid.cells if cell.blocked):
        say(console, f"  {reason}")
    for reason in _unmeasurable(grid):
        say(console, f"  {reason}")
    for one in waiting:
        say(
            console,
            f"  waiting for data {one.data} of {one.protocol}: {one.runs} runs of {one.method}, each "
            f"{duration(one.expected_seconds)}, {size_text(one.peak_bytes)} and then {size_text(one.disk_bytes)}",
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
        f"left: {total.runs} runs, {hours}{advice}; scoring comes on top",
    )
    left = [row for row in [*rows, *waiting] if getattr(row, "state", "") != "done"]
    say(
        console,
        f"checkpoints: up to {size_text(total.peak_bytes)} were all to run at once, {size_text(total.disk_bytes)} once all "
        f"is measured ({grid.upkeep.option})",
    )
    if held := [row.memory_bytes for row in left if row.memory_bytes is not None]:
        unknown = f", as far as is measured ({len(held)} of {len(left)})" if len(held) < len(left) else ""
        say(console, f"memory: up to {size_text(max(held))} a run on {grid.device}{unknown}")
    say(
        console,
        f"a kill costs a run at most {duration(max(row.kill_costs_seconds for row in left))} of training; saving writes up "
        f"to {size_text(max(row.state_bytes_an_hour for row in left))} an hour (--save-every {grid.upkeep.minutes:g})",
    )


def nothing_possible(grid: Grid) -> str:
    """Why no cell of a grid can be run, in one line that says the ways out."""
    blocked = [cell.blocked for cell in grid.cells if cell.blocked]
    blocked.sort(key=lambda why: why[0] != "not available")  # first what a person can mend
    reasons = list(dict.fromkeys(reason for _, reason in blocked))
    more = f" (and {len(reasons) - 1} other reasons, above)" if len(reasons) > 1 else ""
    return f"{reasons[0]}{more}" if reasons else "the table has no such cells"


def _unmeasurable(grid: Grid) -> list[str]:
    """Why cells that are planned on published data would stay empty: a network's weights are not here."""
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
