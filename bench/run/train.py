"""The training loop: one function, from wherever the last good checkpoint is to the end.

Stopping anywhere and starting again gives bit-identical weights and metrics on the CPU: every draw is keyed by its step,
checkpoints hold all other state, and the append-only metrics file is cut back to where the checkpoint was taken.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.base.errors import BenchError
from bench.base.randomness import Draws
from bench.base.storage import explained
from bench.data.training_images import TrainingBatches
from bench.plugin.method import Method, StepContext
from bench.run.checkpoint import Checkpoints

MAX_LOG_STEPS = 100  # losses are averaged over windows of at most this many steps; one host synchronisation each
LOG_ROWS = 200  # and about this many rows a run, so that curves of short runs have points too
SAVE_SECONDS = 5.0  # a state is saved no more often than this,
SAVE_SHARE = 0.02  # and saving takes no more than about this share of the time


class Stopped(BenchError):
    """Training was asked to stop and has saved its state; the same command goes on from there."""


class NonFinite(BenchError):
    """A loss or a weight is not a finite number any more."""


class MetricsLog:
    """The run's append-only `metrics.jsonl`: one JSON object a line, no clock times, so that reruns compare equal."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, row: dict[str, Any]) -> None:
        """Add one row."""
        with explained(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def length(self) -> int:
        """Bytes so far."""
        return self.path.stat().st_size if self.path.exists() else 0

    def truncate(self, length: int) -> None:
        """Cut back to a checkpoint's length.

        Raises:
            BenchError: if the file is shorter than that, so rows are missing that nothing can bring back.
        """
        if self.length() < length:
            raise BenchError(f"{self.path}: shorter than its checkpoint says; remove the run's folder and run again")
        with explained(self.path), self.path.open("ab") as file:
            file.truncate(length)


@dataclass
class Window:
    """Losses since the last row: first as tensors on the device, then as numbers once someone needs them."""

    first_step: int
    rows: list[dict[str, float]] = field(default_factory=list)
    tensors: list[dict[str, Tensor]] = field(default_factory=list)

    def settle(self) -> None:
        """Bring the pending losses to the host in one transfer and check that they are finite.

        Raises:
            NonFinite: naming the first bad step and its losses.
        """
        if not self.tensors:
            return
        flat = torch.stack([value.double() for losses in self.tensors for value in losses.values()]).tolist()
        numbers = iter(flat)
        for losses in self.tensors:
            self.rows.append({name: next(numbers) for name in losses})
            bad = [name for name, value in self.rows[-1].items() if not math.isfinite(value)]
            if bad:
                step = self.first_step + len(self.rows) - 1
                raise NonFinite(
                    f"loss {', '.join(bad)} is not finite at step {step}; the last good checkpoint is kept; "
                    "lower the learning rate or mend the loss"
                )
        self.tensors = []

    def means(self) -> dict[str, float]:
        """The mean of each loss over the steps that reported it."""
        names = dict.fromkeys(name for row in self.rows for name in row)
        return {name: _mean([row[name] for row in self.rows if name in row]) for name in names}


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def train(
    method: Method,
    images: TrainingBatches,
    draws: Draws,
    checkpoints: Checkpoints,
    log: MetricsLog,
    kept_epochs: list[int],
    after_kept_epoch: Callable[[int], None],
    progress: Callable[[dict[str, Any]], None],
    should_stop: Callable[[], bool],
) -> float:
    """Train to the end of the last epoch, resuming if a state was saved.

    Args:
        method: the method, built but not restored.
        images: training batches as a function of the step.
        draws: the run's random streams.
        checkpoints: where states and weights are kept.
        log: the append-only metrics file.
        kept_epochs: epochs (1-based, ascending, the last one included) whose weights are kept.
        after_kept_epoch: called with each kept epoch once its weights are on disk (scoring).
        progress: called after each step with plain numbers; decides itself how often to act.
        should_stop: asked after each step; True saves the state and raises Stopped.

    Returns:
        Seconds spent in training steps, over all sessions.

    Raises:
        NonFinite: the run cannot go on; the last good checkpoint is untouched.
        Stopped: the state is saved.
    """
    per_epoch, total_steps = images.steps_per_epoch, images.total_steps
    total_epochs = method.config.total_epochs
    log_steps = max(1, min(MAX_LOG_STEPS, total_steps // LOG_ROWS))

    # ---- go back to the newest good state that does not skip weights which are missing
    done = [epoch for epoch in kept_epochs if checkpoints.has_weights(epoch)]
    missing = [epoch for epoch in kept_epochs if epoch not in done]
    if not missing:
        for epoch in done:
            after_kept_epoch(epoch)
        return checkpoints.seconds()
    checkpoints.forget_states_after(missing[0] * per_epoch)
    step, seconds, window = 0, 0.0, Window(0)
    restored = checkpoints.restore_state(method)
    if restored is not None:
        step, saved = restored
        seconds = saved["seconds"]
        window = Window(saved["window_start"], saved["window_rows"])
    log.truncate(restored[1]["log_bytes"] if restored is not None else 0)
    for epoch in done:
        if epoch * per_epoch <= step:
            after_kept_epoch(epoch)

    def keep(epoch: int) -> None:
        _require_finite_weights(method, step)
        checkpoints.save_weights(method, epoch)
        after_kept_epoch(epoch)

    def save() -> None:
        window.settle()
        _require_finite_weights(method, step)
        checkpoints.save_state(
            method,
            step,
            {
                "seconds": seconds,
                "window_start": window.first_step,
                "window_rows": window.rows,
                "log_bytes": log.length(),
            },
        )

    if missing[0] * per_epoch == step:
        keep(missing[0])

    # ---- train
    latest: dict[str, float] = {}
    last_save, save_cost = time.monotonic(), 0.0
    while step < total_steps:
        started = time.perf_counter()
        epoch = images.epoch(step)
        context = StepContext(step, epoch, total_steps, total_epochs, draws.at(step))
        window.tensors.append(method.training_step(images.batch(step), context))
        step += 1
        end_of_epoch = step % per_epoch == 0
        if end_of_epoch:
            method.end_epoch()

        # ---- one row, one host synchronisation
        if step % log_steps == 0 or end_of_epoch:
            window.settle()
            latest = window.means()
            log.append({"step": step, "epoch": epoch, **latest})
            window = Window(step)
        seconds += time.perf_counter() - started

        progress({"step": step, "epoch": epoch, "losses": latest, "seconds_per_step": seconds / step})

        # ---- keep weights for scoring, and states for going on
        stop = should_stop()
        if end_of_epoch and epoch in kept_epochs:
            keep(epoch)
        since = time.monotonic() - last_save
        if stop or step == total_steps or since > max(SAVE_SECONDS, save_cost / SAVE_SHARE):
            started = time.monotonic()
            save()
            last_save = time.monotonic()
            save_cost = last_save - started
        if stop and step < total_steps:
            raise Stopped(f"stopped at step {step} of {total_steps}; run the same command to go on")
    return seconds


def _require_finite_weights(method: Method, step: int) -> None:
    """Refuse to keep weights that are not finite: a checkpoint of them would be of no use to anyone."""
    for name, parameter in method.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            raise NonFinite(
                f"weight {name} is not finite after step {step}; the last good checkpoint is kept; "
                "lower the learning rate or mend the loss"
            )
