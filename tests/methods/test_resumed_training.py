"""A training that is stopped every other step and gone on with from its files equals one in a piece, to the bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.base.randomness import Draws
from bench.plugin.discovery import load_method
from bench.plugin.method import Method
from bench.run.checkpoint import Checkpoints
from bench.run.loss_log import LossLog
from bench.run.train import Session, Stopped

SPATIAL = {"ngf": 2, "ndf": 2, "n_blocks": 1, "vgg_nc": (2, 3, 6, 8, 8), "patch_nums": 16, "pool_size": 2}
SINGLE = {"ngf": 0.5, "ndf": 0.25, "netF_nc": 8, "crop_size": 32, "n_blocks": 4, "batch_size": 2}
MONET = {"loss": "src_hdce", "lambda_NCE": 1.0, "loss_options": {"lambda_hDCE": 4.0, "lambda_SRC": 10.0, "Hneg": False}}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "fsesim": ("fsesim", SPATIAL),
    "lsesim": ("lsesim", SPATIAL | {"patch_size": 4}),
    "sincut": ("sincut", SINGLE),
    "sincut, SRC": ("sincut", SINGLE | MONET),
    "sincut, cycle": ("sincut", SINGLE | {"objective": "cycle"}),
}
EPOCHS, STEPS = 3, 3  # the pool of two is full from the third step on


class Batches:
    """The same noise at each step in every process."""

    steps_per_epoch, total_steps = STEPS, EPOCHS * STEPS

    def __init__(self, size: int, images: Callable[..., dict[str, torch.Tensor]]) -> None:
        self.size, self.images = size, images

    def epoch(self, step: int) -> int:
        return step // STEPS + 1

    def batch(self, step: int) -> dict[str, torch.Tensor]:
        return self.images(step, self.size)


class Listener:
    """Asks to stop after so many steps; 0: never."""

    def __init__(self, stop_after: int) -> None:
        self.left = stop_after

    def kept(self, epoch: int) -> None:
        pass

    def progress(self, update: dict[str, Any]) -> None:
        self.left -= 1

    def should_stop(self) -> bool:
        return self.left == 0


def trained(case: str, driver: Any, folder: Path, stop_after: int = 0) -> tuple[Method, bytes, int]:
    """The method at the end, its losses and how often it was stopped; a new object takes over after each stop."""
    name, settings = CASES[case]
    method_class = load_method(name)
    config = method_class.Config(n_epochs=2, n_epochs_decay=1, **settings)
    stops = 0
    while True:
        method = method_class(config, Draws(stops))  # other weights than the saved ones, but in the first part
        checkpoints = Checkpoints(folder / "checkpoints", print, folder.name, whole=lambda epoch: True)
        session = Session(
            method, Batches(config.batch_size, driver.images), Draws(0), checkpoints, LossLog(folder / "metrics.jsonl"),
            [EPOCHS], Listener(stop_after),
        )  # fmt: skip
        try:
            session.run()
            return method, (folder / "metrics.jsonl").read_bytes(), stops
        except Stopped:
            stops += 1


@pytest.mark.parametrize("case", CASES)
def test_stopping_every_other_step_changes_no_bit(case: str, driver: Any, tmp_path: Path) -> None:
    (tmp_path / "whole" / "run").mkdir(parents=True)
    (tmp_path / "parts" / "run").mkdir(parents=True)
    whole, losses, _ = trained(case, driver, tmp_path / "whole" / "run")
    parts, again, stops = trained(case, driver, tmp_path / "parts" / "run", stop_after=2)
    assert stops == 4
    assert again == losses
    assert len(losses.splitlines()) == EPOCHS * STEPS
    for name, value in whole.state_dict().items():
        assert torch.equal(value, parts.state_dict()[name]), name
    for name, optimizer in whole.optimizers().items():
        mine, others = (one.state_dict()["state"] for one in (optimizer, parts.optimizers()[name]))
        assert mine.keys() == others.keys()
        assert all(torch.equal(mine[i][key], others[i][key]) for i in mine for key in mine[i]), name
