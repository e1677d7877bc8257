"""`score`: images that exist, or an official checkpoint, under a protocol's test set and metrics; nothing is trained."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.base.device import DeviceType, require
from bench.base.errors import NotAvailable
from bench.base.hashing import file_sha256
from bench.base.home import Home
from bench.base.sealed import Damaged
from bench.base.storage import explained, read_object, write_json
from bench.base.streams import one_line
from bench.base.words import shown_path
from bench.commands.found_images import FoundImages, find_images
from bench.commands.scored import Scored, Subject, published_scores
from bench.data.dataset import DataSet
from bench.data.images import Fitted, ImageSet
from bench.data.opening import open_dataset
from bench.features.cache import content_hash
from bench.ledger.folders import read_result
from bench.metrics.confusions import Segmentation
from bench.metrics.metric import load_metric, score_groups
from bench.metrics.scored_images import GeneratorView, ScoredImages
from bench.plan.check_protocol import check_protocol
from bench.plan.grid import Grid
from bench.plugin.discovery import find_plugin
from bench.run.segmenter import trained_segmenter
from bench.schema.data import FolderData, PairedFolderData
from bench.schema.protocol import Protocol
from bench.schema.run_spec import code_hash, digest
from bench.schema.versions import versions
from bench.tasks.task import Group, Selection, Task, load_task

Progress = Callable[[int, int], None]
SCALE = "paper"  # an existing model is scored on the whole test set, as published


def score_images(
    protocol: Protocol, folder: Path, home: Home, device: DeviceType = "cpu", pattern: str | None = None
) -> Scored:
    """Score a folder of images that any program made.

    Args:
        protocol: whose test set the images translate.
        folder: one image per test input, named after it.
        home: where data and caches are; the result goes to `scored/KEY/`.
        device: the device for feature extraction and segmentation.
        pattern: which of the folder's files are meant; None: all, if they are of one kind.

    Raises:
        UsageError: if the folder is missing, empty, ambiguous, or holds several kinds of images and there is no pattern.
        BenchError: if an image cannot be read.
    """
    threads = _pin(protocol)
    dataset = open_dataset(protocol.data, home.datasets, home.cache)
    task, side = load_task(protocol.task), _side(protocol)
    scored, hashes, deviations, notices, matched = {}, [], [], [], {}
    for group in task.groups(dataset, Selection("test", side)):
        images = find_images(folder / group.name, task.expected_files(group), task.expected_side(side), pattern)
        hashes.append(content_hash(images.images))
        matched[group.name] = images.matched
        deviations += [f"{group.name}: {line}" if group.name else line for line in images.deviations]
        notices += [f"{group.name}: {line}" if group.name else line for line in images.notices]
        scored[group.name] = _scored_group(protocol, task, dataset, group, images, home, device)
    subject = Subject(
        protocol=protocol.content_hash(),
        fingerprint=dataset.fingerprint(),
        content=hashes[0] if len(hashes) == 1 else digest(hashes),
        matched=matched,
        deviations=[*deviations, *_test_counts(protocol, dataset)],
        metrics=_metric_identities(protocol),
        segmenter=_segmenter_name(scored),
        device=device,
        threads=threads,
    )
    return _finish(protocol, home, shown_path(folder), subject, notices, scored)


def _scored_group(
    protocol: Protocol, task: Task, dataset: DataSet, group: Group, images: FoundImages, home: Home, device: DeviceType
) -> ScoredImages:
    """A group of images that another program made: those named like test images have a truth and true classes."""
    fake = task.as_scored(images.images)
    if images.matched is None:
        why = "no image is named like a test image, so none has true classes"
        return _scored_images(home, fake, group.real, None, why, device)
    segmentation = _segmentation(protocol, dataset, group, images.matched, home, device)
    truth = None
    if group.truth is not None:
        truth = task.as_scored(Fitted(group.truth.subset(images.matched), images.images))
    return _scored_images(home, fake, group.real, truth, segmentation, device)


def score_weights(
    protocol: Protocol,
    method: str,
    weights: Path,
    settings: dict[str, Any],
    home: Home,
    progress: Progress,
    device: DeviceType = "cpu",
    overrides: dict[str, Any] | None = None,
) -> Scored:
    """Translate a protocol's whole test set with an official checkpoint as the original does, and score that.

    Args:
        protocol: its test set and preprocessing.
        method: whose generator the checkpoint is of.
        weights: the checkpoint.
        settings: the user's changes to the method's published configuration (--set).
        home: where data and caches are; images and result go to `scored/KEY/`.
        progress: called with (images done, images in all).
        device: the device for translation and scoring.
        overrides: what a table's row changes of the method's recipe; part of what is published.

    Raises:
        UsageError: if the weights are of another network; the message names keys and shapes.
    """
    from bench.base.randomness import Draws
    from bench.commands.official_weights import generator_of, load_official
    from bench.plan.resolve import resolve

    threads = _pin(protocol)
    check_protocol(protocol, SCALE, [method])
    resolution = resolve(method, protocol, SCALE, overrides, settings)
    translator = resolution.method_class(resolution.config, Draws(0))
    load_official(generator_of(translator), weights, resolution.plugin.name)
    translator.eval().to(require(device))

    dataset = open_dataset(protocol.data, home.datasets, home.cache)
    task = load_task(protocol.task)
    groups = task.groups(dataset, Selection("test", resolution.config.crop_size))
    segmentations = {
        group.name: _segmentation(protocol, dataset, group, range(len(group.files)), home, device) for group in groups
    }
    subject = Subject(
        protocol=protocol.content_hash(),
        fingerprint=dataset.fingerprint(),
        content=file_sha256(weights),
        method={
            "name": resolution.plugin.name,
            "revisions": resolution.revisions(),
            "files": sorted(resolution.plugin_files().values()),
        },
        config=resolution.values,
        deviations=[*resolution.deviations, *_test_counts(protocol, dataset)],
        metrics=_metric_identities(protocol),
        segmenter=_name_of(segmentations.values()),
        device=device,
        threads=threads,
    )
    folder = _folder(home, subject) / "images"
    _discard_older(folder)
    task.sample(translator, dataset, groups, folder, progress)
    scored = {}
    for group in groups:
        fake, truth = task.compared(group, group.made(folder))
        generator = task.generator(translator, dataset, group)
        scored[group.name] = _scored_images(home, fake, group.real, truth, segmentations[group.name], device, generator)
    what = f"{resolution.plugin.name} with {shown_path(weights)}"
    return _finish(protocol, home, what, subject, _flat_inputs(groups), scored)


def _pin(protocol: Protocol) -> int:
    """Compute as runs do: with the protocol's number of threads, and no TF32; both change digits."""
    threads = protocol.scale(SCALE).threads
    torch.set_num_threads(threads)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    return threads


def _flat_inputs(groups: Sequence[Group]) -> list[str]:
    """A line for inputs of one colour, whose translation depends on rounding."""
    flat = {
        name: None
        for group in groups
        for i, name in enumerate(group.given.names)
        if not np.ptp(group.given.pixels(i), axis=(0, 1)).any()
    }
    if not flat:
        return []
    first = ", ".join(shown_path(Path(name)) for name in list(flat)[:3])
    return [
        f"{len(flat)} inputs are of one colour ({first}): instance norm enlarges rounding where nothing varies, so their "
        "translations may differ much from the official program's"
    ]


def segmenter_grid(protocol: Protocol, home: Home, device: DeviceType = "cpu") -> tuple[Grid, str | None]:
    """The run of a protocol's segmentation network.

    Returns:
        A grid of that run, and its train key; None if the protocol has no such network.

    Raises:
        NotAvailable: if its data or weights, or the label maps of the test images, are not on this machine.
    """
    grid = Grid(home, device)
    return grid, grid.add_segmenter(protocol, SCALE)


def _segmentation(
    protocol: Protocol, dataset: DataSet, group: Group, inputs: Sequence[int], home: Home, device: DeviceType
) -> Segmentation | str:
    """The segmentation of the images of some of a group's inputs, for metrics of classes; or why there is none."""
    try:
        _, key = segmenter_grid(protocol, home, device)
    except NotAvailable as error:
        return str(error)
    if key is None:
        return "this protocol has no segmentation network"
    if read_result(home.run(key)) is None:
        return f"its segmentation network, run {key}, is not trained under {home.root}; add --train-segmenter (once)"
    return Segmentation(
        key,
        lambda: trained_segmenter(home, key, device),
        group.real.subset(inputs),
        lambda: dataset.labels(group.split).subset([group.indices[i] for i in inputs]),
    )


def _scored_images(
    home: Home,
    fake: ImageSet,
    real: ImageSet,
    truth: ImageSet | None,
    segmentation: Segmentation | str,
    device: DeviceType,
    generator: GeneratorView | str = "images alone do not tell how they were made",
) -> ScoredImages:
    return ScoredImages(
        fake=fake,
        real=real,
        truth=truth,
        cache=home.cache / "features",
        weights=home.weights,
        device=require(device),
        segmentation=segmentation,
        generator=generator,
    )


def _side(protocol: Protocol) -> int:
    """Side of the protocol's training crops at full scale."""
    from bench.plugin.config import MethodConfig

    return int(protocol.scale(SCALE).overrides.get("crop_size", MethodConfig.model_fields["crop_size"].default))


def _metric_identities(protocol: Protocol) -> list[dict[str, Any]]:
    """What of the protocol's metrics decides a number."""
    identities = []
    for use in protocol.metrics:
        metric, plugin = load_metric(use.metric), find_plugin("metric", use.metric)
        identities.append(
            {
                "metric": plugin.content_sha256() if plugin.is_user_file else use.metric,
                "revision": metric.revision,
                "settings": metric.resolve(use.settings).model_dump(mode="json"),
                "extractor": metric.extractor.id if metric.extractor else None,
            }
        )
    return identities


def _segmenter_name(images: Mapping[str, ScoredImages]) -> str:
    return _name_of(group.segmentation for group in images.values())


def _name_of(segmentations: Iterable[Segmentation | str]) -> str:
    """The run of the segmentation network, empty if there is none."""
    return next((one.name for one in segmentations if isinstance(one, Segmentation)), "")


def _folder(home: Home, subject: Subject) -> Path:
    return home.root / "scored" / subject.key


def _discard_older(images: Path) -> None:
    """Remove translations that other code or libraries made, and note who makes those to come."""
    made_by = {"code": code_hash(), "versions": versions()}
    record = images.with_name("made_by.json")
    if read_object(record) != made_by:
        with explained(images):
            shutil.rmtree(images, ignore_errors=True)
    write_json(record, made_by)


def _finish(
    protocol: Protocol,
    home: Home,
    what: str,
    subject: Subject,
    notices: list[str],
    images: Mapping[str, ScoredImages],
) -> Scored:
    """Measure, add the published numbers for comparison, and write `result.json`."""
    scores = score_groups([(use.metric, use.settings) for use in protocol.metrics], images)
    folder = _folder(home, subject)
    scored = Scored(
        key=subject.key,
        protocol=protocol.id,
        protocol_hash=subject.protocol,
        fingerprint=subject.fingerprint,
        what=what,
        sha256=subject.content,
        config=subject.config,
        comparability="deviating" if subject.deviations else "as published",
        deviations=subject.deviations,
        notices=notices,
        scores=scores,
        published=published_scores(protocol),
        code=code_hash(),
        versions=versions(),
        threads=subject.threads,
        folder=one_line(str(folder)),
        time=time.time(),
    )
    record = folder / "result.json"
    damage = _damage_of(record, subject.key)
    scored.write(record, subject.key)
    return scored.model_copy(update={"notices": [*notices, *damage]})


def _damage_of(record: Path, key: str) -> list[str]:
    """What is wrong with an earlier record of the same scores, which is written anew."""
    try:
        Scored.read(record, key)
    except Damaged as error:
        return [f"the earlier record was damaged and has been written anew: {error}"]
    return []


def _test_counts(protocol: Protocol, dataset: DataSet) -> list[str]:
    """Where the test set on this machine has another number of images than the published one."""
    data = protocol.data
    published: dict[str, int] = {}
    if isinstance(data, FolderData) and data.counts:
        sides = {"A": "A", "B": "B"} if data.direction == "AtoB" else {"A": "B", "B": "A"}
        counts = {stream: data.counts.get(f"test{side}") for stream, side in sides.items()}  # type: ignore[call-overload]
        published = {stream: count for stream, count in counts.items() if count is not None}
    elif isinstance(data, PairedFolderData) and data.counts and "test" in data.counts:
        published = {"B": data.counts["test"]}
    present = {stream: len(dataset.images("test", stream)) for stream in published}
    return [
        f"{data.name}: {present[stream]} test images of domain {stream}, published {count}"
        for stream, count in published.items()
        if present[stream] != count
    ]
