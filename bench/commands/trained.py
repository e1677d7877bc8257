"""A finished run's method with the weights of one of its kept checkpoints, for the verbs that use what was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from bench.base.device import chosen_device, require
from bench.base.errors import BenchError, NotAvailable, UsageError, unknown_name
from bench.base.home import Home, RunFolder
from bench.base.precision import prepare
from bench.commands.recorded_files import placed, places, require_files
from bench.ledger.checkpoint_files import WEIGHTS, gone, read_weights
from bench.ledger.difference import find_run
from bench.ledger.folders import checked_result, chosen_epochs, run_scores
from bench.metrics.metric import load_metric
from bench.plugin.method import Method
from bench.run.checkpoint import Checkpoints
from bench.run.restore import build_method
from bench.schema.cell import CHECKPOINTS
from bench.schema.run_spec import RunSpec, read_spec


@dataclass(frozen=True)
class Finished:
    """A finished run whose code may run here.

    Attributes:
        folder: its folder.
        spec: the run, for where the user's files of it are on this machine.
    """

    folder: RunFolder
    spec: RunSpec

    @classmethod
    def find(cls, home: Home, text: str, files: Mapping[str, str], metrics: Sequence[str] = ()) -> Finished:
        """Find a finished run.

        Args:
            home: the results root.
            text: its key, a beginning of it, or its folder.
            files: `loss`, `method` -> FILE.py:Class, where the user's file of the run is on this machine. Only what is
                named so is run, wherever the record says it is.
            metrics: FILE.py:Class of the user's metrics that choose a checkpoint.

        Raises:
            UsageError: there is no such run, it is not finished, or a file is not named or not the recorded one.
        """
        folder = find_run(home, text)
        spec = read_spec(folder.spec)
        if checked_result(folder) is None:
            raise UsageError(f"run {folder.key} is not finished; finish it first: contrastbench run {folder.key}")
        spec = placed(spec, places(spec, files, metrics))
        require_files(spec, scored=False)
        return cls(folder, spec)

    def kept_epochs(self) -> list[int]:
        """The epochs whose weights are on disk."""
        kept = []
        for path in sorted(self.folder.checkpoints.glob(f"{WEIGHTS}*.json")):
            number = path.stem.removeprefix(WEIGHTS)
            try:
                if number.isascii() and not read_weights(self.folder.checkpoints, int(number), self.folder.key).dropped:
                    kept.append(int(number))
            except (BenchError, ValueError):  # damaged, or no checkpoint of ours
                continue
        return kept

    def epoch(self, checkpoint: str) -> int:
        """The epoch that a checkpoint is of.

        Args:
            checkpoint: last, best-on-validation, best-on-test, or the number of an epoch.

        Raises:
            UsageError: there is no such checkpoint.
            NotAvailable: its weights went by --keep.
        """
        epoch, kept = self._asked(checkpoint), self.kept_epochs()
        if epoch not in kept:
            if reason := gone(self.folder, epoch):
                raise NotAvailable(reason)
            there = ", ".join(map(str, kept)) or "none"
            raise UsageError(
                f"--checkpoint {checkpoint}: run {self.folder.key} has no good weights of epoch {epoch}; it has those of: "
                f"{there}"
            )
        return epoch

    def _asked(self, checkpoint: str) -> int:
        if checkpoint.isascii() and checkpoint.isdigit():
            return int(checkpoint)
        if checkpoint not in CHECKPOINTS:
            raise unknown_name("checkpoint", checkpoint, (*CHECKPOINTS, *map(str, self.kept_epochs())))
        if checkpoint == "last":
            return self.spec.total_epochs
        metric = self.spec.evaluation.select_by
        scores = run_scores(self.folder, self.spec, ("validation", "test"))
        chosen = chosen_epochs(scores, metric, bool(load_metric(metric).higher_is_better))
        if checkpoint not in chosen:
            raise UsageError(
                f"--checkpoint {checkpoint}: {metric} is not measured on such images at every checkpoint of run "
                f"{self.folder.key}; write last, or an epoch: {', '.join(map(str, self.kept_epochs()))}"
            )
        return chosen[checkpoint]

    def device(self, option: str | None) -> str:
        """The device that is asked for, else the one that the run was trained on.

        Raises:
            NotAvailable: it is not on this machine.
        """
        if option is not None:
            return require(chosen_device(option))
        try:
            return require(self.spec.device)
        except NotAvailable as error:
            raise NotAvailable(
                f"run {self.folder.key} was made on {self.spec.device}, which is not here; --device cpu does without, and "
                "its images differ in their last digits"
            ) from error


@dataclass(frozen=True)
class Trained:
    """What a finished run learnt, ready to make images as it made its own samples.

    Attributes:
        run: the finished run.
        method: with the weights, on its device.
        epoch: of the checkpoint.
        sha256: of its file.
        networks: attributes that it holds; None: all.
    """

    run: Finished
    method: Method
    epoch: int
    sha256: str
    networks: list[str] | None

    @classmethod
    def load(cls, run: Finished, checkpoint: str, device: str) -> Trained:
        """Build a run's method and load a checkpoint, with the arithmetic and threads of the run.

        Args:
            run: the finished run.
            checkpoint: as of `Finished.epoch`.
            device: torch's name of it.

        Raises:
            BenchError: the weights are damaged or of another network, or the method's file does not load.
        """
        epoch, folder = run.epoch(checkpoint), run.folder
        torch.set_num_threads(run.spec.threads)
        prepare(device, run.spec.precision)
        method = fresh(run, epoch)
        record = read_weights(folder.checkpoints, epoch, folder.key)
        return cls(run, method.to(device), epoch, record.sha256, record.networks)


def fresh(run: Finished, epoch: int) -> Method:
    """A run's method, built anew on the CPU, with the weights of an epoch."""
    method: Method = build_method(run.spec)
    Checkpoints(run.folder.checkpoints, report=print, run=run.folder.key).load_weights(method, epoch)
    return method
