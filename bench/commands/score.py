"""`score`: images that exist, or an official checkpoint, under a protocol's test set and metrics; nothing is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from rich.console import Console
from rich.table import Table as RichTable

from bench.base.device import DeviceType, require
from bench.base.errors import NotAvailable
from bench.base.hashing import file_sha256
from bench.base.home import Home
from bench.base.storage import write_json
from bench.base.streams import one_line
from bench.base.words import say
from bench.commands.found_images import FoundImages, find_images
from bench.data.dataset import DataSet
from bench.data.images import Fitted, ImageSet
from bench.data.opening import open_dataset
from bench.features.cache import content_hash
from bench.ledger.folders import read_result
from bench.metrics.confusions import Segmentation
from bench.metrics.metric import Score, ScoredImages, score_groups
from bench.metrics.scored_images import GeneratorView
from bench.plan.check_protocol import check_protocol
from bench.plan.grid import Grid
from bench.run.segmenter import trained_segmenter
from bench.schema.data import FolderData, PairedFolderData
from bench.schema.protocol import Protocol
from bench.schema.run_spec import digest
from bench.schema.table import load_table, table_names
from bench.tasks.task import Group, Selection, load_task

Progress = Callable[[int, int], None]
SCALE = "paper"  # an existing model is scored on the whole test set, as published


class PublishedScore(BaseModel):
    """A printed number of the same protocol and metric."""

    model_config = ConfigDict(frozen=True)

    metric: str
    row: str
    value: float
    source: str
    note: str


class Scored(BaseModel):
    """The result of `score`, as `result.json` holds it.

    Attributes:
        key: names the folder; equal protocol, data and images give equal keys.
        protocol, protocol_hash, fingerprint: what the images were scored against.
        what: the images' folder, or the checkpoint.
        sha256: of the decoded images, or of the checkpoint.
        comparability, deviations: whether the scores may stand against published ones, and each difference.
        scores: one per metric of the protocol.
        published: printed numbers of the same protocol and metrics; others' models, for orientation.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    protocol: str
    protocol_hash: str
    fingerprint: str
    what: str
    sha256: str
    config: dict[str, Any] = {}
    comparability: Literal["as published", "deviating"]
    deviations: list[str]
    scores: list[Score]
    published: list[PublishedScore]
    folder: str


def score_images(protocol: Protocol, folder: Path, home: Home, device: DeviceType = "cpu") -> Scored:
    """Score a folder of images that any program made.

    Args:
        protocol: whose test set the images translate.
        folder: one image per test input, named after it.
        home: where data and caches are; the result goes to `scored/KEY/`.
        device: the device for feature extraction and segmentation.

    Raises:
        UsageError: if the folder is missing, empty or ambiguous.
        BenchError: if an image cannot be read.
    """
    dataset = open_dataset(protocol.data, home.datasets, home.cache)
    task, side = load_task(protocol.task), _side(protocol)
    scored, hashes, deviations = {}, [], []
    for group in task.groups(dataset, Selection("test", side)):
        images = find_images(folder / group.name, task.expected_files(group), task.expected_side(side))
        hashes.append(content_hash(images.images))
        deviations += [f"{group.name}: {line}" if group.name else line for line in images.deviations]
        scored[group.name] = _scored_group(protocol, dataset, group, images, home, device)
    sha256 = hashes[0] if len(hashes) == 1 else digest(hashes)
    return _finish(protocol, dataset, home, one_line(str(folder)), sha256, {}, deviations, scored)


def _scored_group(
    protocol: Protocol, dataset: DataSet, group: Group, images: FoundImages, home: Home, device: DeviceType
) -> ScoredImages:
    """A group of images that another program made: those named like test images have a truth and true classes."""
    if images.matched is None:
        why = "no image is named like a test image, so none has true classes"
        return _scored_images(home, images.images, group.real, None, why, device)
    segmentation = _segmentation(protocol, dataset, group, images.matched, home, device)
    truth = None if group.truth is None else Fitted(group.truth.subset(images.matched), images.images)
    return _scored_images(home, images.images, group.real, truth, segmentation, device)


def score_weights(
    protocol: Protocol,
    method: str,
    weights: Path,
    settings: dict[str, Any],
    home: Home,
    progress: Progress,
    device: DeviceType = "cpu",
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

    Raises:
        UsageError: if the weights are of another network; the message names keys and shapes.
    """
    from bench.base.randomness import Draws
    from bench.commands.official_weights import generator_of, load_official
    from bench.plan.resolve import resolve

    check_protocol(protocol, SCALE, [method])
    resolution = resolve(method, protocol, SCALE, settings=settings)
    translator = resolution.method_class(resolution.config, Draws(0))
    load_official(generator_of(translator), weights, resolution.plugin.name)
    translator.eval().to(require(device))

    dataset = open_dataset(protocol.data, home.datasets, home.cache)
    config = resolution.values
    sha256 = file_sha256(weights)
    folder = _folder(home, protocol, dataset, sha256, config, device) / "images"
    task = load_task(protocol.task)
    groups = task.groups(dataset, Selection("test", resolution.config.crop_size))
    task.sample(translator, dataset, groups, folder, progress)
    scored = {}
    for group in groups:
        fake, truth = task.compared(group, group.made(folder))
        segmentation = _segmentation(protocol, dataset, group, range(len(fake)), home, device)
        generator = task.generator(translator, dataset, group)
        scored[group.name] = _scored_images(home, fake, group.real, truth, segmentation, device, generator)
    subject = one_line(f"{resolution.plugin.name} with {weights}")
    return _finish(protocol, dataset, home, subject, sha256, config, resolution.deviations, scored)


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


def _folder(home: Home, protocol: Protocol, dataset: DataSet, sha256: str, config: dict[str, Any], device: str) -> Path:
    parts = [protocol.content_hash(), dataset.fingerprint(), sha256, config]
    parts += [device] if device != "cpu" else []
    return home.root / "scored" / digest(parts)[:16]


def _finish(
    protocol: Protocol,
    dataset: DataSet,
    home: Home,
    subject: str,
    sha256: str,
    config: dict[str, Any],
    deviations: list[str],
    images: Mapping[str, ScoredImages],
) -> Scored:
    """Measure, add the published numbers for comparison, and write `result.json`."""
    scores = score_groups([(use.metric, use.settings) for use in protocol.metrics], images)
    folder = _folder(home, protocol, dataset, sha256, config, next(iter(images.values())).device)
    lines = [*deviations, *_test_counts(protocol, dataset)]
    scored = Scored(
        key=folder.name,
        protocol=protocol.id,
        protocol_hash=protocol.content_hash(),
        fingerprint=dataset.fingerprint(),
        what=subject,
        sha256=sha256,
        config=config,
        comparability="deviating" if lines else "as published",
        deviations=lines,
        scores=scores,
        published=published_scores(protocol),
        folder=one_line(str(folder)),
    )
    write_json(folder / "result.json", scored.model_dump(mode="json"))
    return scored


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


def published_scores(protocol: Protocol) -> list[PublishedScore]:
    """Every printed number of a protocol's metrics, from all tables."""
    metrics = {use.metric for use in protocol.metrics}
    published: dict[tuple[str, str, float], PublishedScore] = {}
    for name in table_names():
        for cell in load_table(name).cells():
            if cell.protocol == protocol.id and cell.metric in metrics and cell.published is not None:
                score = PublishedScore(
                    metric=cell.metric,
                    row=cell.row,
                    value=cell.published,
                    source=cell.published_source,
                    note=cell.published_note,
                )
                published.setdefault((score.metric, score.row, score.value), score)
    return list(published.values())


def print_scored(scored: Scored, console: Console) -> None:
    """Show the scores, then, apart from them, the published numbers."""
    say(console, f"{scored.what} under {scored.protocol}: {scored.comparability}")
    for line in scored.deviations:
        say(console, f"  ≠ {line}")
    table = RichTable(box=None, pad_edge=False)
    ceilings = any(score.ceiling is not None for score in scored.scores)
    for heading in ("metric", "score", "evaluation noise (95 %)", *(["real images"] if ceilings else []), "images"):
        table.add_column(heading, overflow="fold", justify="left" if heading == "metric" else "right")
    for score in scored.scores:
        noise = f"{score.interval.low:.4g} … {score.interval.high:.4g}" if score.interval else ""
        value = f"{score.value:.4g}" if score.value is not None else score.state
        ceiling = [f"{score.ceiling:.4g}" if score.ceiling is not None else ""] if ceilings else []
        table.add_row(score.metric, value, noise, *ceiling, f"{score.n_fake} against {score.n_real}")
    console.print(table)
    missing: dict[str, list[str]] = {}
    for score in scored.scores:
        if score.state != "done":
            missing.setdefault(f"{score.state}: {score.reason}", []).append(score.metric)
    for why, metrics in missing.items():
        say(console, f"  {', '.join(metrics)}: {why}")
    if scored.published:
        say(console, "\npublished by the papers, for orientation; one model gives no verdict")
        printed = RichTable(box=None, pad_edge=False)
        for heading in ("metric", "method", "published", "where"):
            printed.add_column(heading, overflow="fold")
        for number in scored.published:
            printed.add_row(number.metric, number.row, f"{number.value:g}", number.source)
        console.print(printed)
    say(console, f"\nwritten to {scored.folder}")
