"""How long runs are expected to take, as far as that is known without measuring or building anything."""

from __future__ import annotations

from collections.abc import Iterable

from bench.ledger.folders import read_progress
from bench.plan.cost_of_step import Calibrations, Workload
from bench.plan.grid import Grid
from bench.tasks.task import task_of


def expected_seconds(grid: Grid, keys: Iterable[str]) -> dict[str, float]:
    """The seconds that are left of runs, for executors to order and to pack them.

    Args:
        grid: that has planned them.
        keys: of the runs.

    Returns:
        By train key; runs of a kind that nobody has measured are left out.
    """
    known = Calibrations(grid.home, grid.device)
    found = {}
    for key in keys:
        spec = grid.runs[key]
        speed = known.seconds_per_step(Workload.of_spec(spec, grid.runs))
        if speed is None:
            continue
        per_epoch = spec.config["images_per_epoch"] or task_of(spec).epoch_length(grid.dataset_of(spec))
        steps = per_epoch // int(spec.config["batch_size"]) * spec.total_epochs
        found[key] = max(0, steps - (read_progress(grid.home.run(key)).step or 0)) * speed
    return found
