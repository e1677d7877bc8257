"""What the harness adds to training: time in the loop outside `training_step`, with CUT at width 64 on Earth data."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from bench.base.randomness import Draws
from bench.data.opening import open_dataset
from bench.data.training_images import TrainingImages
from bench.plugin.discovery import load_method
from bench.run.checkpoint import Checkpoints
from bench.run.loss_log import LossLog
from bench.run.train import Session
from bench.schema.protocol import load_protocol


class Stopwatch:
    """Adds up the time spent in functions."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.calls: list[float] = []

    def on(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, timed."""

        def timed(*arguments: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                self.calls.append(time.perf_counter() - started)
                self.seconds += self.calls[-1]

        return timed


class _Silent:
    """A listener that listens to nothing."""

    def kept(self, epoch: int) -> None:
        """Score nothing."""

    def progress(self, update: dict[str, Any]) -> None:
        """Show nothing."""

    def should_stop(self) -> bool:
        """Go on to the end."""
        return False


def run(size: int = 64, width: int = 64, steps: int = 40) -> dict[str, float]:
    """Train through `bench.run.train.Session` on one thread, without scoring.

    Writing checkpoints is told apart: a run this short ends before the loop has spread its writes out, which it does
    so that they take no more than `bench.run.train.SAVE_SHARE` of the time.

    Args:
        size: side of the images in pixels.
        width: filters of the first convolutions.
        steps: of the whole run.

    Returns:
        seconds in the loop, in steps, in checkpoints; the shares of the time that batches, logging and progress take
        (`overhead`, to stay below 3 %) and that checkpoints take.
    """
    torch.set_num_threads(1)
    method_class = load_method("cut")
    config = method_class.Config(
        n_epochs=1, n_epochs_decay=1, images_per_epoch=steps // 2, ngf=width, ndf=width,
        load_size=size + 8, crop_size=size,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        dataset = open_dataset(load_protocol("earth-relief2sat").data, Path(folder), Path(folder) / "cache")
        method = method_class(config, Draws(0))
        images = TrainingImages(dataset, method.streams, config, Draws(0), Path(folder) / "cache", "cpu")
        images.batch(0)  # resizes and caches every image, once per run
        images.batch(images.total_steps - 1)
        checkpoints = Checkpoints(Path(folder) / "checkpoints", print, "overhead")
        in_steps, in_saving = Stopwatch(), Stopwatch()
        method.training_step = in_steps.on(method.training_step)  # type: ignore[method-assign]
        checkpoints.save_state = in_saving.on(checkpoints.save_state)  # type: ignore[method-assign]
        checkpoints.save_weights = in_saving.on(checkpoints.save_weights)  # type: ignore[method-assign]
        started = time.perf_counter()
        log = LossLog(Path(folder) / "metrics.jsonl")
        Session(method, images, Draws(0), checkpoints, log, [config.total_epochs], _Silent()).run()
        total = time.perf_counter() - started
    rest = total - in_steps.seconds - in_saving.seconds
    return {
        "size": size,
        "width": width,
        "steps": len(in_steps.calls),
        "seconds": total,
        "seconds_in_steps": in_steps.seconds,
        "seconds_in_checkpoints": in_saving.seconds,
        "overhead": rest / (total - in_saving.seconds),
        "checkpoints": in_saving.seconds / total,
    }
