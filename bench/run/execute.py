"""What a run does, from its specification to its result: open data, build, train, score what is kept, say that it is done.

All of it is idempotent: whatever is on disk already is not made again.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from bench.base.device import made_on
from bench.base.home import Home, RunFolder
from bench.base.memory import most_memory
from bench.base.randomness import Draws
from bench.data.dataset import DataSet
from bench.ledger.folders import read_result
from bench.plugin.discovery import package_versions
from bench.plugin.method import Method
from bench.run.captured_step import CapturedStep
from bench.run.checkpoint import Checkpoints
from bench.run.led_step import LedStep
from bench.run.loss_log import LossLog
from bench.run.other_ranks import OtherRanks
from bench.run.prepared import prepared
from bench.run.restore import build_method
from bench.run.retention import is_needed_whole, retire
from bench.run.score_checkpoint import evaluate
from bench.run.train import MakeStep, Session
from bench.schema.parts import Part
from bench.schema.records import UNKNOWN, RunResult, known_seconds
from bench.schema.run_spec import RunSpec, read_spec
from bench.schema.upkeep import read_upkeep


class Progress(Protocol):
    """Where progress goes, and where requests to stop come from."""

    def __call__(self, update: dict[str, Any]) -> None:
        """Take plain numbers and the phase; decides itself how often to act."""

    def should_stop(self) -> bool:
        """Whether an orderly end is wanted."""


def execute(home: Home, key: str, progress: Progress, others: OtherRanks | None = None) -> None:
    """Do what is left of a run.

    Args:
        home: the results root.
        key: the run's train key; its `spec.json` exists.
        progress: where progress goes and stop requests come from.
        others: the other ranks of a run on several.

    Raises:
        BenchError: the run failed or was stopped; everything finished is on disk.
    """
    folder = home.run(key)
    spec = read_spec(folder.spec)
    progress({"phase": "opening data"})
    run = prepared(home, spec)
    dataset, method, images = run.dataset, run.method, run.images
    device = next(method.parameters()).device
    checkpoints = Checkpoints(
        folder.checkpoints,
        report=lambda line: print(line, flush=True),
        run=key,
        whole=lambda epoch: epoch == spec.total_epochs and is_needed_whole(home, key),
    )
    progress({"phase": "training", "total_steps": images.total_steps, "total_epochs": method.config.total_epochs})
    scoring = _Scoring(home, spec, dataset, checkpoints, build_method(spec).to(device), progress)
    log = LossLog(folder.metrics)

    with _steps(spec, method, others) as make_step:
        session = Session(
            method, images, Draws(spec.seed), checkpoints, log, spec.scored_epochs, scoring,
            run.begin, read_upkeep(folder).save_seconds, make_step,
        )  # fmt: skip
        session.run()

    if read_result(folder) is None:  # a run that was only scored keeps what was written when it was trained
        _write_result(folder, spec, method, images.total_steps, session, scoring.has_trained)
    retire(home, spec, dataset.splits)
    folder.error.unlink(missing_ok=True)
    progress({"phase": "done"})


def _steps(spec: RunSpec, method: Method, others: OtherRanks | None) -> AbstractContextManager[MakeStep]:
    """What makes the run's steps: this process alone, or with others."""
    if spec.ranks.count > 1:
        return LedStep(spec, method, others)
    return nullcontext(CapturedStep(method, spec.precision))


class _Scoring:
    """Scores each kept checkpoint as soon as its weights are on disk; passes progress and stop requests on.

    Args:
        home: the results root.
        spec: the run.
        dataset: its data.
        checkpoints: where its weights are.
        scorer: a method of its configuration, into which they are loaded.
        progress: as of `execute`.

    Attributes:
        has_trained: whether this process has made a step.
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
        self.folder = home.run(spec.train_key)
        self.has_trained = False

    def kept(self, epoch: int) -> None:
        """Score an epoch's weights, as every plan that keeps them says; if they are gone, everything has been measured."""
        if self.checkpoints.is_gone(epoch):
            return
        self.checkpoints.load_weights(self.scorer, epoch)
        for plan in self.spec.plans:
            if epoch in plan.epochs(self.spec.total_epochs):
                evaluate(self.folder, self.spec.under(plan), self.scorer, self.dataset, epoch, self.home, self.report)
        self.report({"phase": "training"})

    def progress(self, update: dict[str, Any]) -> None:
        """Pass it on; from its first step on the run is not the finished one any more that an earlier result tells of."""
        if not self.has_trained:
            self.has_trained = True
            self.folder.result.unlink(missing_ok=True)
        self.report(update)

    def should_stop(self) -> bool:
        """Pass it on."""
        return self.report.should_stop()


def _write_result(
    folder: RunFolder, spec: RunSpec, method: Method, steps: int, session: Session, trained_here: bool
) -> None:
    """Say that the run is done; the last file that it writes."""
    here = made_on(spec.device)
    # checkpoints of earlier versions do not say what made them
    parts = session.parts or [
        Part(from_step=0, to_step=steps, code=UNKNOWN, versions={}, device=spec.device, threads=None, started=0.0)
    ]
    last = parts[-1]
    result = RunResult(
        key=spec.train_key,
        steps=steps,
        train_seconds=known_seconds(session.seconds),
        scored_epochs=spec.scored_epochs,
        parameters={name: sum(p.numel() for p in net.parameters()) for name, net in method.networks().items()},
        code=last.code,
        versions=last.versions | _packages(spec, method),
        device=spec.device,
        card=here["card"] if trained_here else "",
        driver=here["driver"] if trained_here else "",
        threads=last.threads,
        parts=parts,
        losses=session.log.seal(),
        time=time.time(),
        memory_bytes=most_memory(spec.device) if trained_here and spec.ranks.count == 1 else None,
    )
    result.write(folder.result, folder.key)


def _packages(spec: RunSpec, method: Method) -> dict[str, str]:
    """Versions of the packages that the run's plugins came with."""
    fields = type(method).Config.plugin_fields
    plugins = [(kind, str(spec.config[name])) for name, kind in fields.items() if spec.config[name]]
    metrics = [("metric", use.metric) for use in spec.evaluation.metrics]
    return package_versions([("method", spec.method), *plugins, *metrics])
