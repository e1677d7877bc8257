"""Score one checkpoint: sample the protocol's images and measure what is not measured yet."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from bench.base.home import Home, RunFolder
from bench.base.sealed import Damaged
from bench.base.storage import read_object
from bench.data.dataset import DataSet
from bench.data.labels import LabelMaps
from bench.ledger.scores import StoredScore, checked_score, score_identity, score_key, wanted
from bench.metrics.confusions import Segmentation
from bench.metrics.metric import Score, ScoredImages, score_groups
from bench.run.segmenter import trained_segmenter
from bench.schema.protocol import MetricUse
from bench.schema.records import Made
from bench.schema.run_spec import RunSpec
from bench.schema.scoring_plan import Split
from bench.tasks.task import Group, Selection, load_task

if TYPE_CHECKING:  # torch: `status` and the MLflow projector read scores without it
    from bench.plugin.method import Method


def evaluate(
    folder: RunFolder,
    spec: RunSpec,
    method: Method,
    dataset: DataSet,
    epoch: int,
    home: Home,
    progress: Callable[[dict[str, Any]], None],
) -> None:
    """Measure everything that the run's evaluation wants of one checkpoint and that is not on disk yet.

    Args:
        folder: the run's folder; scores go to `scores/`, images to `samples/`.
        spec: the run.
        method: holding the weights of `epoch`.
        dataset: the run's data.
        epoch: 1-based.
        home: for the feature cache and official weight files.
        progress: called with plain numbers.
    """
    task = load_task(method.task)
    for split in cast(tuple[Split, ...], ("validation", "test")):
        todo = [
            use
            for at, of, use in wanted(spec, dataset.splits)
            if (at, of) == (epoch, split) and not _is_done(folder, score_key(spec, epoch, split, use))
        ]
        samples = folder.samples(split, epoch)
        # the last checkpoint's test images stay for people to look at; the others can be made again from the weights
        stay = split == "test" and epoch == spec.total_epochs
        if not todo:
            if not stay:  # a process that was killed after its last score has left them
                shutil.rmtree(samples, ignore_errors=True)
            continue

        def report(done: int, total: int, split: str = split) -> None:
            progress({"phase": f"sampling {split} images of epoch {epoch}: {done + 1} of {total}"})

        groups = task.groups(dataset, Selection.of_run(spec, split))
        task.sample(method, dataset, groups, samples, report)
        progress({"phase": f"scoring {split} images of epoch {epoch}"})
        scored = {}
        for group in groups:
            fake, truth = task.compared(group, group.made(samples))
            scored[group.name] = ScoredImages(
                fake=fake,
                real=group.real,
                truth=truth,
                cache=home.cache / "features",
                weights=home.weights,
                device=spec.device,
                segmentation=_segmentation(spec, method, dataset, group, home),
                generator=task.generator(method, dataset, group),
                outputs_per_input=group.outputs_per_input,
                training=dataset.images("train", group.target) if group.target in dataset.streams else None,
            )
        scores = score_groups([(use.metric, use.settings) for use in todo], scored)
        for use, result in zip(todo, scores, strict=True):
            _store(folder, spec, epoch, split, use, result)
        if not stay:
            shutil.rmtree(samples)


def _segmentation(spec: RunSpec, method: Method, dataset: DataSet, group: Group, home: Home) -> Segmentation | str:
    """What metrics of classes ask: the method itself if it is such a network, else the one the run is scored by."""
    key = spec.evaluation.segmenter
    if key is None and not load_task(method.task).segments:
        return spec.evaluation.no_segmenter or "this protocol has no segmentation network"

    def network() -> Method:
        return method if key is None else trained_segmenter(home, key, spec.device)

    def labels() -> LabelMaps:
        return dataset.labels(group.split).subset(group.indices)

    return Segmentation(key or spec.train_key, network, group.real, labels)


def _is_done(folder: RunFolder, key: str) -> bool:
    """Whether a score is measured; a damaged one is reported and measured again."""
    try:
        stored = checked_score(folder, key)
    except Damaged as error:
        print(error, flush=True)
        return False
    return stored is not None and stored.state == "done"


def _store(folder: RunFolder, spec: RunSpec, epoch: int, split: Split, use: MetricUse, result: Score) -> None:
    key = score_key(spec, epoch, split, use)
    stored = StoredScore(
        **result.model_dump(),
        key=key,
        run=spec.train_key,
        epoch=epoch,
        split=split,
        checkpoint=_weights_sha256(folder, epoch),
        made=Made.now(),
        time=time.time(),
    )
    stored.write(folder.scores / f"{key}.json", score_identity(spec.train_key, key))


def _weights_sha256(folder: RunFolder, epoch: int) -> str | None:
    """The sha256 that a checkpoint gives of its weights."""
    sha256 = (read_object(folder.checkpoints / f"epoch-{epoch:06d}.json") or {}).get("sha256")
    return sha256 if isinstance(sha256, str) else None
