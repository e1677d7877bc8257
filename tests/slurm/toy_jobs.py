"""Grids of toy runs for jobs on the test cluster, and how they are looked at."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from safetensors.torch import load_file

from bench.base.home import Home, RunFolder
from bench.commands.status import status_rows
from bench.ledger.folders import metric_rows, read_progress
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run.executors.slurm import SlurmExecutor
from bench.run.ticket import read_tickets

OPTIONS: dict[str, Any] = {
    "memory_gb": 1,
    "poll_seconds": 0.5,
    "heartbeat_seconds": 1.0,
    "hours": 1,
    "signal_seconds": 30,
}


def grid_of(toys: Any, *runs: tuple[str, dict[str, Any]], home: Home | None = None) -> tuple[Grid, list[str]]:
    """A grid of (class, settings) of the toy plugins."""
    grid = Grid(home or toys.home)
    file = toys.method.rpartition(":")[0]
    keys = [
        grid.add_run(resolve(f"{file}:{name}", toys.protocol, "smoke", settings=settings), 0) for name, settings in runs
    ]
    grid.write_specs()
    return grid, keys


def executor(home: Home, **options: Any) -> SlurmExecutor:
    """The executor with options of a quick cluster."""
    return SlurmExecutor(home, job=OPTIONS | options)


def until(condition: Callable[[], Any], seconds: float = 240.0) -> Any:
    """Wait for something; returns it."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.2)
    return found


def state_of(home: Home, key: str) -> tuple[str, str]:
    """State and reason, as `status` shows them."""
    return next((row.state, row.reason) for row in status_rows(home) if row.key == key)


def job_of(home: Home, key: str) -> str:
    """The job that a run was given to."""
    (ticket,) = read_tickets(home.run(key))
    return str(ticket.job["id"])


def steps_of(home: Home, key: str) -> int:
    """How many steps of a run are done."""
    return read_progress(home.run(key)).step or 0


def stops_of(folder: RunFolder) -> list[int]:
    """The steps at which processes of a run saved its state because they were told to end."""
    return [int(step) for step in re.findall(r"stopped at step (\d+) of", folder.log.read_text())]


def same(one: RunFolder, other: RunFolder) -> bool:
    """Whether two finished runs have the same weights and losses, bit for bit."""
    names = [sorted(path.name for path in run.checkpoints.glob("epoch-*.safetensors")) for run in (one, other)]
    assert names[0] == names[1] != []
    weights = [[load_file(run.checkpoints / name) for name in names[0]] for run in (one, other)]
    assert metric_rows(one) == metric_rows(other) != []
    return all(
        a.keys() == b.keys() and all(a[name].equal(b[name]) for name in a) for a, b in zip(*weights, strict=True)
    )
