"""Score one checkpoint: sample the protocol's images and measure what is not measured yet."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from bench.data.dataset import DataSet, ImageSet, Resized
from bench.data.labels import LabelMaps
from bench.home import Home, RunFolder
from bench.metrics.metric import Evaluation, Score
from bench.metrics.scoring import score
from bench.protocol import MetricUse
from bench.segmentation import Segmentation, trained_segmenter
from bench.spec import RunSpec, Split
from bench.storage import read_json, write_json

if TYPE_CHECKING:  # torch: `status` and the MLflow projector read scores without it
    from bench.method import Method


def evenly_spaced(total: int, count: int | None) -> list[int]:
    """Indices of `count` of `total` images spread over the whole set (all of them if count is None or larger)."""
    if count is None or count >= total:
        return list(range(total))
    return [(i * total) // count for i in range(count)]


def wanted(spec: RunSpec, splits: Sequence[str]) -> list[tuple[int, Split, MetricUse]]:
    """Every (epoch, split, metric) the evaluation asks for, given the splits that the data set has."""
    evaluation = spec.evaluation
    select = [use for use in evaluation.metrics if use.metric == evaluation.select_by]
    found: list[tuple[int, Split, MetricUse]] = []
    for epoch in spec.scored_epochs:
        if "validation" in splits:
            found += [(epoch, "validation", use) for use in select]
        found += [(epoch, "test", use) for use in evaluation.metrics]
    return found


def read_score(folder: RunFolder, key: str) -> dict[str, Any] | None:
    """A stored score, or None if it is missing or damaged."""
    stored = read_json(folder.scores / f"{key}.json")
    return stored if isinstance(stored, dict) and "state" in stored else None


def scored_indices(spec: RunSpec, split: str, total: int) -> list[int]:
    """Which images of a split are scored."""
    return evenly_spaced(total, spec.evaluation.image_count(cast(Split, split)))


def real_images(spec: RunSpec, dataset: DataSet, split: str) -> ImageSet:
    """The target-domain images of a split that scores compare with, as they are distributed.

    Where images are generated from noise they have the size of training, so that both sides are compared at one size.
    """
    images = dataset.images(split, "B")
    images = images.subset(scored_indices(spec, split, len(images)))
    return images if "A" in dataset.streams else Resized(images, spec.config["crop_size"])


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
    from bench.sampling import sample

    for split in cast(tuple[Split, ...], ("validation", "test")):
        todo = [
            use
            for at, of, use in wanted(spec, dataset.splits)
            if (at, of) == (epoch, split)
            and (read_score(folder, spec.score_key(epoch, split, use)) or {}).get("state") != "done"
        ]
        if not todo:
            continue

        def report(done: int, total: int, split: str = split) -> None:
            progress({"phase": f"sampling {split} images of epoch {epoch}: {done + 1} of {total}"})

        samples = folder.samples(split, epoch)
        indices = scored_indices(spec, split, len(dataset.images(split, dataset.streams[0])))
        fake = sample(method, dataset, split, indices, samples, report)
        progress({"phase": f"scoring {split} images of epoch {epoch}"})
        real = real_images(spec, dataset, split)
        truth = Resized(real, fake.image(0).size) if dataset.aligned(split) else None
        evaluation = Evaluation(
            # a segmentation network is scored by what it sees in real images
            fake=real if method.task == "segmentation" else fake,
            real=real,
            truth=truth,
            cache=home.cache / "features",
            weights=home.weights,
            segmentation=_segmentation(spec, method, real, partial(_labels, dataset, split, indices), home),
        )
        scores = score([(use.metric, use.settings) for use in todo], evaluation)
        for use, result in zip(todo, scores, strict=True):
            _store(folder, spec, epoch, split, use, result)
        # the last checkpoint's test images stay for people to look at; the others can be made again from the weights
        if split != "test" or epoch != spec.total_epochs:
            shutil.rmtree(samples)


def _labels(dataset: DataSet, split: Split, indices: Sequence[int]) -> LabelMaps:
    return dataset.labels(split).subset(indices)


def _segmentation(
    spec: RunSpec, method: Method, real: ImageSet, labels: Callable[[], LabelMaps], home: Home
) -> Segmentation | str:
    """What metrics of classes ask: the method itself if it is such a network, else the one the run is scored by."""
    key = spec.evaluation.segmenter
    if method.task != "segmentation" and key is None:
        return spec.evaluation.no_segmenter or "this protocol has no segmentation network"

    def network() -> Method:
        return method if key is None else trained_segmenter(home, key)

    return Segmentation(key or spec.train_key, network, real, labels)


def _store(folder: RunFolder, spec: RunSpec, epoch: int, split: Split, use: MetricUse, result: Score) -> None:
    key = spec.score_key(epoch, split, use)
    write_json(
        folder.scores / f"{key}.json",
        {"key": key, "run": spec.train_key, "epoch": epoch, "split": split, **result.model_dump(mode="json")},
    )
