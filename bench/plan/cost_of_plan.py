"""What a plan costs: device hours and disk, of the runs that are planned and of those that still lack their data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from typing import Any

from bench.base.errors import BenchError
from bench.base.validation import Strict
from bench.ledger.checkpoint_files import KEPT_STATES
from bench.ledger.folders import read_result
from bench.plan.cost_of_step import Calibrations, Cost, Workload
from bench.plan.grid import Grid
from bench.plan.resolve import Resolution, resolve
from bench.schema.data import DataConfig, DomainFolderData, FolderData, PairedFolderData
from bench.schema.protocol import load_protocol
from bench.schema.run_spec import digest
from bench.schema.upkeep import Upkeep
from bench.tasks.task import task_of


class RunCost(Strict):
    """What one run costs; None where that is not known.

    Attributes:
        steps: of its whole training.
        seconds_per_step, measured: the time of a step, and where it comes from.
        expected_seconds: of its training from the start.
        peak_bytes: on disk while it runs: weights of scored checkpoints, and states, a new one beside the kept ones.
        disk_bytes: on disk once every metric is measured, as `--keep` says.
        kill_costs_seconds: of training at most that a kill costs, as `--save-every` says.
        state_bytes_an_hour: written at most to that end.
        memory_bytes: the most that one process of it holds of the device's memory.
    """

    steps: int | None
    seconds_per_step: float | None
    measured: str
    expected_seconds: float | None
    peak_bytes: int
    disk_bytes: int
    kill_costs_seconds: float
    state_bytes_an_hour: int
    memory_bytes: int | None = None


class WaitingRuns(RunCost):
    """Runs of one method whose data is not here, and what each of them costs.

    Attributes:
        method, data, protocol: what would run on what.
        runs: how many.
        reason: why the data is not here, and the way out.
    """

    method: str
    data: str
    protocol: str
    runs: int
    reason: str


class Totals(Strict):
    """Sums over what is left to do.

    Attributes:
        runs: how many.
        device_hours: of those that are measured.
        unmeasured: how many are not.
        peak_bytes: of all, were they to run at once.
        disk_bytes: of all, afterwards.
    """

    runs: int
    device_hours: float
    unmeasured: int
    peak_bytes: int
    disk_bytes: int


def run_costs(
    grid: Grid,
    calibrate: bool,
    say: Callable[[str], None],
    known: Calibrations | None = None,
    done: Set[str] | None = None,
) -> dict[str, RunCost]:
    """The cost of every planned run.

    Args:
        grid: the runs.
        calibrate: measure what is not known, up to half a minute each.
        say: given a line before each measurement.
        known: what was measured so far; None: it is read.
        done: train keys of the runs that are finished, where the caller knows.

    Returns:
        By train key.
    """
    known = known or Calibrations(grid.home, grid.device)
    lengths: dict[tuple[str, str], int] = {}  # by data and task
    alike: dict[str, RunCost] = {}  # runs that differ in their seeds cost the same
    shared: dict[tuple[int, int, str, int, str, int], RunCost] = {}  # and share what the grid made once for all of them
    costs = {}
    for key, spec in grid.runs.items():
        same_objects = id(spec.config), id(spec.data), spec.label, spec.threads, spec.task, len(spec.scored_epochs)
        if same_objects in shared and not calibrate:
            costs[key] = shared[same_objects]
            continue
        name = spec.data.model_dump_json(), spec.task
        if name not in lengths:
            lengths[name] = task_of(spec).epoch_length(grid.dataset_of(spec))
        workload = Workload.of_spec(spec, grid.runs)
        same = digest([workload.key, spec.config, name, len(spec.scored_epochs)])
        if same not in alike or calibrate:
            is_done = key in done if done is not None else read_result(grid.home.run(key)) is not None
            cost = _cost(known, workload, calibrate and not is_done, say)
            alike[same] = _figures(cost, spec.config, lengths[name], len(spec.scored_epochs), grid.upkeep)
        costs[key] = shared[same_objects] = alike[same]
    return costs


def waiting_costs(
    grid: Grid, calibrate: bool, say: Callable[[str], None], known: Calibrations | None = None
) -> list[WaitingRuns]:
    """The cost of runs that cannot be planned because their data is not here, by method and data set.

    Args:
        grid: the runs.
        calibrate: measure what is not known.
        say: given a line before each measurement.
        known: what was measured so far; None: it is read.
    """
    known = known or Calibrations(grid.home, grid.device)
    waiting: dict[str, WaitingRuns] = {}
    cells = [cell for cell in grid.cells if cell.blocked is not None and cell.blocked[0] == "not available"]
    lacking = [
        (runs, cell.blocked[1])
        for cell in cells
        if cell.blocked
        for runs in _runs_of(cell.resolution, grid.ranks.count)
    ]
    for (resolution, seeds, ranks), reason in lacking:
        name = digest([resolution.reference, resolution.values, resolution.ran.data.model_dump(mode="json")])
        if name in waiting:
            continue
        try:
            cost = _cost(known, Workload.of_resolution(resolution, ranks), calibrate, say)
        except BenchError:  # it lacks more than its data, as its cell says
            continue
        checkpoints = len(resolution.evaluation.epochs(resolution.total_epochs))
        length = _published_length(resolution.ran.data)
        figures = _figures(cost, resolution.values, length, checkpoints, grid.upkeep)
        waiting[name] = WaitingRuns(
            method=resolution.plugin.name,
            data=resolution.ran.data.name,
            protocol=resolution.asked.id,
            runs=seeds,
            reason=reason,
            **figures.model_dump(),
        )
    return list(waiting.values())


def _runs_of(resolution: Resolution | None, ranks: int) -> Iterator[tuple[Resolution, int, int]]:
    """What a cell has run, how many times and on how many ranks: itself for each seed, once what scores its images."""
    if resolution is None:
        return
    yield resolution, resolution.asked.scale(resolution.scale_name).seeds, ranks
    if (use := resolution.ran.segmenter) is not None:
        yield resolve(use.method, load_protocol(use.protocol), resolution.scale_name), 1, 1


def _cost(known: Calibrations, workload: Workload, calibrate: bool, say: Callable[[str], None]) -> Cost:
    cost = known.cost(workload)
    # what ranks gain and what their exchange costs only a run of theirs tells
    if calibrate and cost.seconds_per_step is None and workload.ranks == 1:
        say(f"measuring {workload.label}, at most half a minute unless two steps take longer")
        cost = known.calibrate(workload)
    return cost


def _figures(cost: Cost, config: dict[str, Any], longest: int | None, checkpoints: int, upkeep: Upkeep) -> RunCost:
    per_epoch = config["images_per_epoch"] or longest
    steps = None
    if per_epoch is not None:
        steps = per_epoch // int(config["batch_size"]) * (config["n_epochs"] + config["n_epochs_decay"])
    seconds = steps * cost.seconds_per_step if steps is not None and cost.seconds_per_step is not None else None
    interval = upkeep.save_seconds + (cost.seconds_per_step or 0.0)  # it is saved after a step
    return RunCost(
        steps=steps,
        seconds_per_step=cost.seconds_per_step,
        measured=cost.source,
        expected_seconds=seconds,
        peak_bytes=checkpoints * cost.kept_bytes + (KEPT_STATES + 1) * cost.state_bytes,
        disk_bytes=upkeep.most_kept(checkpoints) * cost.kept_bytes,
        kill_costs_seconds=interval if seconds is None else min(interval, seconds),
        state_bytes_an_hour=round(3600 / upkeep.save_seconds * cost.state_bytes),
        memory_bytes=cost.memory_bytes,
    )


def _published_length(data: DataConfig) -> int | None:
    """Training items of a data set that is not here, as published."""
    if isinstance(data, FolderData):
        counts = data.counts or {}
        return max((counts[side] for side in ("trainA", "trainB") if side in counts), default=None)
    if isinstance(data, PairedFolderData):
        return (data.counts or {}).get("train")
    if isinstance(data, DomainFolderData):
        return sum((data.counts or {}).get("train", {}).values()) or None
    return None


class PlannedRun(RunCost):
    """What a run costs, and how far it is.

    Attributes:
        state: `done` for one that costs nothing any more.
        step: steps that are done; None where nobody knows.
    """

    state: str
    step: int | None


def totals(rows: Sequence[PlannedRun], waiting: Sequence[WaitingRuns]) -> Totals:
    """Sums over what is left to do.

    Args:
        rows: the planned runs.
        waiting: from `waiting_costs`.
    """
    left = [row for row in rows if row.state != "done"]
    waiting_each = [runs for runs in waiting for _ in range(runs.runs)]
    seconds = [_left_seconds(row) for row in left] + [runs.expected_seconds for runs in waiting_each]
    return Totals(
        runs=len(seconds),
        device_hours=sum(s for s in seconds if s is not None) / 3600,
        unmeasured=sum(s is None for s in seconds),
        peak_bytes=sum(run.peak_bytes for run in [*left, *waiting_each]),
        disk_bytes=sum(run.disk_bytes for run in [*left, *waiting_each]),
    )


def _left_seconds(row: PlannedRun) -> float | None:
    if row.expected_seconds is None or not row.steps:
        return row.expected_seconds
    return row.expected_seconds * max(0, row.steps - (row.step or 0)) / row.steps
