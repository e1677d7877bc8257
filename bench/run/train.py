"""Training as a session: from wherever the last good checkpoint is to the end of the last epoch.

Stopping anywhere and starting again gives bit-identical weights and metrics on the CPU: every draw is keyed by its step,
checkpoints hold all other state, and the append-only metrics file is cut back to where the checkpoint was taken.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from bench.base.errors import BenchError
from bench.base.randomness import Draws
from bench.data.training_images import TrainingBatches
from bench.ledger.checkpoint_files import Progress
from bench.plugin.method import Method, StepContext
from bench.run.checkpoint import Checkpoints
from bench.run.loss_log import LossLog, NonFinite, Window
from bench.schema.parts import Part, with_part
from bench.schema.upkeep import NOTHING_SAID, SAVE_SHARE

MAX_LOG_STEPS = 100  # losses are averaged over windows of at most this many steps; one host synchronisation each
LOG_ROWS = 200  # and about this many rows a run, so that curves of short runs have points too
MakeStep = Callable[[dict[str, Tensor], StepContext], dict[str, Tensor]]


class Stopped(BenchError):
    """Training was asked to stop and has saved its state; the same command goes on from there."""


class Listener(Protocol):
    """Who wants to know how training goes, and may ask it to stop."""

    def kept(self, epoch: int) -> None:
        """The weights of a kept epoch are on disk (1-based), so that they can be scored."""

    def progress(self, update: dict[str, Any]) -> None:
        """A step is done: step, epoch, losses, seconds_per_step. Called after each; decides itself how often to act."""

    def should_stop(self) -> bool:
        """Asked after each step; True saves the state and raises Stopped."""


class Session:
    """One run's training.

    Args:
        method: built, not restored.
        images: training batches as a function of the step.
        draws: the run's random streams.
        checkpoints: where states and weights are kept.
        log: the append-only file of losses.
        kept_epochs: epochs (1-based, ascending, the last one included) whose weights are kept.
        listener: told of steps and kept epochs.
        begin: called before the first step of the run, not where it goes on from a state (official weights).
        save_seconds: between two states; more where saving would take more than SAVE_SHARE of the time.
        make_step: of a batch and its moment, the losses; None: the method's own `training_step`.

    Attributes:
        step: how many steps are done.
        seconds: spent in training steps, over all sessions of the run; not a number if nothing remembers them.
    """

    def __init__(
        self,
        method: Method,
        images: TrainingBatches,
        draws: Draws,
        checkpoints: Checkpoints,
        log: LossLog,
        kept_epochs: Sequence[int],
        listener: Listener,
        begin: Callable[[], object] = lambda: None,
        save_seconds: float = NOTHING_SAID.save_seconds,
        make_step: MakeStep | None = None,
    ) -> None:
        self.method, self.images, self.draws = method, images, draws
        self.checkpoints, self.log, self.listener = checkpoints, log, listener
        self.kept_epochs, self.begin, self.save_seconds = kept_epochs, begin, save_seconds
        self.make_step = make_step
        self.log_steps = max(1, min(MAX_LOG_STEPS, images.total_steps // LOG_ROWS))
        self.step = 0
        self.seconds = 0.0
        self._window = Window(0)
        self._latest: dict[str, float] = {}
        self._last_save, self._save_cost = time.monotonic(), 0.0
        self._earlier: list[Part] = []
        self._part: Part | None = None

    def run(self) -> float:
        """Train to the end of the last epoch, going on from the newest good state.

        Returns:
            Seconds spent in training steps, over all sessions of the run.

        Raises:
            NonFinite: the run cannot go on; the last good checkpoint is untouched.
            Stopped: the state is saved.
        """
        if not self._resume():
            return self.seconds
        self._last_save = time.monotonic()
        while self.step < self.images.total_steps:
            epoch = self._train_one_step()
            stop = self.listener.should_stop()
            if self._at_end_of_epoch and epoch in self.kept_epochs:
                self._keep(epoch)
            if self.step == self.images.total_steps:
                break  # the last weights are kept, and nobody goes on from a finished run's state
            if stop or self._save_is_due:
                self._save()
            if stop:
                raise Stopped(
                    f"stopped at step {self.step} of {self.images.total_steps}; run the same command to go on"
                )
        return self.seconds

    def _resume(self) -> bool:
        """Go back to the newest good state that does not skip kept weights which are missing.

        Returns:
            Whether anything is left to train.
        """
        per_epoch = self.images.steps_per_epoch
        done = [epoch for epoch in self.kept_epochs if self.checkpoints.has_weights(epoch)]
        missing = [epoch for epoch in self.kept_epochs if epoch not in done]
        if not missing:
            last = self.checkpoints.progress(done[-1])
            self.step, self._earlier, self.seconds = self.images.total_steps, last.parts, last.seconds or math.nan
            for epoch in done:
                self.listener.kept(epoch)
            return False
        self.checkpoints.forget_states_after(missing[0] * per_epoch)
        log_bytes = 0
        restored = self.checkpoints.restore_state(self.method)
        if restored is not None:
            self.step, saved = restored
            self.seconds, log_bytes, self._earlier = saved.seconds, saved.log_bytes, saved.parts
            self._window = Window(saved.window_start, list(saved.window_rows))
        else:
            self.begin()
        device = str(next(self.method.parameters()).device)
        self._part = Part.beginning(self.step, device, time.time())
        if self._earlier and self._earlier[-1].device != self._part.device:
            self.checkpoints.report(
                f"from step {self.step} on {self._part.device}, until then on {self._earlier[-1].device}: last digits may "
                "differ from those of a run on one of them alone; result.json has both"
            )
        self.log.truncate(log_bytes)
        for epoch in done:
            if epoch * per_epoch <= self.step:
                self.listener.kept(epoch)
        if missing[0] * per_epoch == self.step:
            self._keep(missing[0])
        return True

    def _train_one_step(self) -> int:
        """Make one step, end the epoch if it was its last, and write a row when a window is full.

        Returns:
            The epoch it belongs to, 1-based.
        """
        started = time.perf_counter()
        epoch = self.images.epoch(self.step)
        total_epochs = self.method.config.total_epochs
        context = StepContext(self.step, epoch, self.images.total_steps, total_epochs, self.draws.at(self.step))
        make_step = self.make_step or self.method.training_step
        self._window.tensors.append(make_step(self.images.batch(self.step), context))
        self.step += 1
        if self._at_end_of_epoch:
            self.method.end_epoch()
        if self.step % self.log_steps == 0 or self._at_end_of_epoch:
            self._write_row(epoch)
        self.seconds += time.perf_counter() - started
        self.listener.progress(
            {"step": self.step, "epoch": epoch, "losses": self._latest, "seconds_per_step": self.seconds / self.step}
        )
        return epoch

    @property
    def _at_end_of_epoch(self) -> bool:
        return self.step % self.images.steps_per_epoch == 0

    def _write_row(self, epoch: int) -> None:
        """One row of mean losses: the one host synchronisation of a window."""
        self._window.settle()
        self._latest = self._window.means()
        self.log.append({"step": self.step, "epoch": epoch, **self._latest})
        self._window = Window(self.step)

    def _keep(self, epoch: int) -> None:
        """Keep weights for scoring."""
        self._require_finite_weights()
        self.checkpoints.save_weights(self.method, epoch, self._progress())
        self.listener.kept(epoch)

    @property
    def _save_is_due(self) -> bool:
        return time.monotonic() - self._last_save > max(self.save_seconds, self._save_cost / SAVE_SHARE)

    def _save(self) -> None:
        """Save everything needed to go on from here."""
        started = time.monotonic()
        self._window.settle()
        self._require_finite_weights()
        self.checkpoints.save_state(self.method, self.step, self._progress())
        self._last_save = time.monotonic()
        self._save_cost = self._last_save - started

    @property
    def parts(self) -> list[Part]:
        """What made the training so far, in order."""
        return self._earlier if self._part is None else with_part(self._earlier, self._part.until(self.step))

    def _progress(self) -> Progress:
        return Progress(
            seconds=self.seconds,
            window_start=self._window.first_step,
            window_rows=self._window.rows,
            log_bytes=self.log.length(),
            parts=self.parts,
        )

    def _require_finite_weights(self) -> None:
        """Refuse to keep weights that are not finite: a checkpoint of them would be of no use to anyone."""
        for name, parameter in self.method.named_parameters():
            if not bool(torch.isfinite(parameter).all()):
                raise NonFinite(
                    f"weight {name} is not finite after step {self.step}; the last good checkpoint is kept; "
                    "lower the learning rate or mend the loss"
                )
