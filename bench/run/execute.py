"""What a run does, from its specification to its result: open data, build, train, score what is kept, say that it is done.

All of it is idempotent: whatever is on disk already is not made again.
"""

from __future__ import annotations

import platform
from typing import Any, Protocol

import torch

from bench.base.device import made_on, require
from bench.base.errors import BenchError
from bench.base.home import Home, RunFolder
from bench.base.randomness import Draws
from bench.base.storage import write_json
from bench.data.dataset import DataSet
from bench.data.opening import open_dataset
from bench.plugin.method import Method
from bench.run.checkpoint import Checkpoints
from bench.run.loss_log import LossLog
from bench.run.restore import build_method, restore_method
from bench.run.retention import is_needed_whole, retire
from bench.run.score_checkpoint import evaluate
from bench.run.train import Session
from bench.schema.run_spec import RunSpec, code_hash, read_spec
from bench.schema.upkeep import read_upkeep
from bench.tasks.task import load_task


class Progress(Protocol):
    """Where progress goes, and where requests to stop come from."""

    def __call__(self, update: dict[str, Any]) -> None:
        """Take plain numbers and the phase; decides itself how often to act."""

    def should_stop(self) -> bool:
        """Whether an orderly end is wanted."""


def execute(home: Home, key: str, progress: Progress) -> None:
    """Do what is left of a run.

    Args:
        home: the results root.
        key: the run's train key; its `spec.json` exists.
        progress: where progress goes and stop requests come from.

    Raises:
        BenchError: the run failed or was stopped; everything finished is on disk.
    """
    folder = home.run(key)
    spec = read_spec(folder.spec)
    if spec.train_key != key:
        raise BenchError(f"{folder.spec}: describes run {spec.train_key}; remove the folder and run the command again")
    torch.set_num_threads(spec.threads)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    device = torch.device(require(spec.device))

    progress({"phase": "opening data"})
    dataset = _planned_dataset(spec, home)
    method = _method(spec, home, device)
    images = load_task(method.task).batches(dataset, method, Draws(spec.seed), home.cache, device)
    checkpoints = Checkpoints(
        folder.checkpoints,
        report=lambda line: print(line, flush=True),
        run=key,
        whole=lambda epoch: epoch == spec.total_epochs and is_needed_whole(home, key),
    )
    progress({"phase": "training", "total_steps": images.total_steps, "total_epochs": method.config.total_epochs})
    scoring = _Scoring(home, spec, dataset, checkpoints, build_method(spec).to(device), progress)
    log = LossLog(folder.metrics)

    def begin() -> None:
        method.load_pretrained(home.weights)
        method.to(device)

    session = Session(
        method, images, Draws(spec.seed), checkpoints, log, spec.scored_epochs, scoring,
        begin, read_upkeep(folder).save_seconds,
    )  # fmt: skip
    seconds = session.run()

    _write_result(folder, spec, method, images.total_steps, seconds)
    retire(home, spec, dataset.splits)
    folder.error.unlink(missing_ok=True)
    progress({"phase": "done"})


def _planned_dataset(spec: RunSpec, home: Home) -> DataSet:
    """The run's data set, which has to be the one of when the run was planned."""
    dataset = open_dataset(spec.data, home.datasets, home.cache)
    if dataset.fingerprint() != spec.fingerprint:
        raise BenchError(
            f"the pixels of data set {dataset.name} changed since this run was planned; run the command again"
        )
    return dataset


def _method(spec: RunSpec, home: Home, device: torch.device) -> Method:
    """The run's method before its first step, on the device, with the runs that it needs."""
    method: Method = build_method(spec)
    for role, needed in spec.needs.items():
        method.receive(role, restore_method(home, needed, whole=True).to(device))
    return method.to(device)


class _Scoring:
    """Scores each kept checkpoint as soon as its weights are on disk; passes progress and stop requests on.

    Args:
        home: the results root.
        spec: the run.
        dataset: its data.
        checkpoints: where its weights are.
        scorer: a method of its configuration, into which they are loaded.
        progress: as of `execute`.
    """

    def __init__(
        self,
        home: Home,
        spec: RunSpec,
        dataset: DataSet,
        checkpoints: Checkpoints,
        scorer: Method,
        progress: Progress,
    ) -> None:
        self.home, self.spec, self.dataset = home, spec, dataset
        self.checkpoints, self.scorer, self.report = checkpoints, scorer, progress

    def kept(self, epoch: int) -> None:
        """Score an epoch's weights; where they are gone, everything had been measured."""
        if self.checkpoints.is_gone(epoch):
            return
        self.checkpoints.load_weights(self.scorer, epoch)
        folder = self.home.run(self.spec.train_key)
        evaluate(folder, self.spec, self.scorer, self.dataset, epoch, self.home, self.report)
        self.report({"phase": "training"})

    def progress(self, update: dict[str, Any]) -> None:
        """Pass it on."""
        self.report(update)

    def should_stop(self) -> bool:
        """Pass it on."""
        return self.report.should_stop()


def _write_result(folder: RunFolder, spec: RunSpec, method: Method, steps: int, seconds: float) -> None:
    """Say that the run is done; the last file that it writes."""
    write_json(
        folder.result,
        {
            "key": spec.train_key,
            "code": code_hash(),
            "train_seconds": seconds,
            "steps": steps,
            "scored_epochs": spec.scored_epochs,
            **made_on(spec.device),
            "parameters": {n: sum(p.numel() for p in net.parameters()) for n, net in method.networks().items()},
            "versions": {"python": platform.python_version(), "torch": torch.__version__},
        },
    )
