"""Score one checkpoint: sample the protocol's images and measure what is not measured yet."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from bench.base.home import Home, RunFolder
from bench.base.storage import write_json
from bench.data.dataset import DataSet
from bench.data.images import ImageSet, Resized
from bench.data.labels import LabelMaps
from bench.ledger.scores import read_score, score_key, scored_indices, wanted
from bench.metrics.confusions import Segmentation
from bench.metrics.metric import Evaluation, Score, score
from bench.run.segmenter import trained_segmenter
from bench.schema.protocol import MetricUse
from bench.schema.run_spec import RunSpec, Split

if TYPE_CHECKING:  # torch: `status` and the MLflow projector read scores without it
    from bench.plugin.method import Method


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
    from bench.run.sampling import sample

    for split in cast(tuple[Split, ...], ("validation", "test")):
        todo = [
            use
            for at, of, use in wanted(spec, dataset.splits)
            if (at, of) == (epoch, split)
            and (read_score(folder, score_key(spec, epoch, split, use)) or {}).get("state") != "done"
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
            device=spec.device,
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
        return method if key is None else trained_segmenter(home, key, spec.device)

    return Segmentation(key or spec.train_key, network, real, labels)


def _store(folder: RunFolder, spec: RunSpec, epoch: int, split: Split, use: MetricUse, result: Score) -> None:
    key = score_key(spec, epoch, split, use)
    write_json(
        folder.scores / f"{key}.json",
        {"key": key, "run": spec.train_key, "epoch": epoch, "split": split, **result.model_dump(mode="json")},
    )
