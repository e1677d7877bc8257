"""Tiny runs of real methods on the toys' data, trained where a test needs what was learnt."""

from __future__ import annotations

from typing import Any

from bench.commands.trained import Finished
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run.execute import execute
from bench.run.process import ProgressFile

SHORT = {"n_epochs": 1, "n_epochs_decay": 1}
CUT = {"ngf": 4, "ndf": 4, "n_blocks": 1, "netF_nc": 8, "load_size": 16, "crop_size": 16, "n_layers_D": 1}
CYCLEGAN = {"ngf": 2, "ndf": 2, "n_blocks": 1, "load_size": 16, "crop_size": 16, "n_layers_D": 1}
MUNIT = {
    "ngf": 2, "ndf": 2, "mlp_dim": 4, "n_res": 1, "n_layers_D": 1, "num_scales": 1, "load_size": 16, "crop_size": 16,
    "n_epochs": 1,
}  # fmt: skip


def finish(toys: Any, method: str, **settings: Any) -> Finished:
    """Train and score a run of a method under the toys' protocol, in this process."""
    grid = Grid(toys.home)
    key = grid.add_run(resolve(method, toys.protocol, "smoke", settings=settings), 0)
    grid.write_specs()
    execute(toys.home, key, ProgressFile(toys.home.run(key)))
    return Finished.find(toys.home, key, {})
