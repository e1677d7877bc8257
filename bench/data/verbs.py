"""What `contrastbench data list`, `data verify NAME` and `data sheet NAME` do, given protocols' data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from bench.base.errors import BenchError, NotAvailable
from bench.base.streams import printable
from bench.base.validation import Strict
from bench.base.words import shown_path
from bench.data.contact_sheet import contact_sheet
from bench.data.dataset import DataProblems, DataSet
from bench.data.images import ImageSet
from bench.data.labels import LabelRule
from bench.data.opening import open_dataset
from bench.data.transforms import resize, save_png
from bench.schema.data import DataConfig

SHEET_COLUMNS = 12
SHEET_MAX_SIDE = 192  # larger images are shrunk, so that a sheet stays a screen wide


class DataState(Strict):
    """One line of `data list`.

    Attributes:
        name: the data set.
        state: `present`, `not here` or `damaged`.
        counts: images by split and stream, as "train A"; empty unless present.
        message: how to get it or what is wrong; empty if present.
        deviations: how its numbers differ from the published ones.
    """

    name: str
    state: Literal["present", "not here", "damaged"]
    counts: dict[str, int] = {}
    message: str = ""
    deviations: list[str] = []


class DataRow(DataState):
    """The state of one protocol's data.

    Attributes:
        protocol: its name.
    """

    protocol: str


class Verified(Strict):
    """What `data verify` found.

    Attributes:
        data: the data set's name.
        counts: images by split and stream.
        fingerprint: sha256 of the pixels; empty if something cannot be read.
        raw_files: how many files it was read from.
        problems: one line for each thing that keeps the data from being used, or makes it another than remembered.
        notices: one line for each thing that a reader may not expect.
        deviations: how the numbers differ from the published ones.
    """

    data: str
    counts: dict[str, int] = {}
    fingerprint: str = ""
    raw_files: int = 0
    problems: list[str] = []
    notices: list[str] = []
    deviations: list[str] = []


def image_counts(dataset: DataSet) -> dict[str, int]:
    """Images by split and stream, as {"train A": 1067, ...}."""
    return {f"{split} {s}": len(dataset.images(split, s)) for split in dataset.splits for s in dataset.streams}


def data_state(config: DataConfig, data_root: Path, cache: Path) -> DataState:
    """Look whether a data set is there, without reading the images of a folder data set.

    Args:
        config: a protocol's data.
        data_root: where folder data sets lie.
        cache: folder for what is slow to make.
    """
    try:
        dataset = open_dataset(config, data_root, cache)
        counts, deviations = image_counts(dataset), dataset.count_deviations()
        return DataState(name=config.name, state="present", counts=counts, deviations=deviations)
    except NotAvailable as error:
        return DataState(name=config.name, state="not here", message=str(error))
    except BenchError as error:
        return DataState(name=config.name, state="damaged", message=str(error))


def data_rows(cache: Path, data_root: Path, own: Path | None = None) -> list[DataRow]:
    """The state of every protocol's data, one row for each.

    Args:
        cache: folder for what is slow to make.
        data_root: where folder data sets lie.
        own: the folder of the user's protocols; None: there is none.
    """
    from bench.schema.protocol import load_protocol, protocol_names

    names = sorted(protocol_names(own))
    states = {name: data_state(load_protocol(name, own).data, data_root, cache) for name in names}
    return [DataRow(protocol=name, **state.model_dump()) for name, state in states.items()]


def print_data(rows: Sequence[DataRow]) -> None:
    """Show `data_rows` to people: a line for each protocol, deviations below it."""
    width = max(len(row.protocol) for row in rows)
    for row in rows:
        splits: dict[str, list[str]] = {}
        for place, count in row.counts.items():
            split, stream = place.split()
            splits.setdefault(split, []).append(f"{stream} {count}")
        counts = "; ".join(f"{split} {', '.join(parts)}" for split, parts in splits.items())
        print(printable(f"{row.protocol:<{width}}  {row.state:<8}  {row.message or counts}"))
        for line in row.deviations:
            print(f"{'':<{width}}  {'':<8}  deviation: {printable(line)}")


def verify(config: DataConfig, data_root: Path, cache: Path, rules: Sequence[LabelRule] = ()) -> Verified:
    """Decode every image and label map, and compute the fingerprint from the pixels, whatever the cache remembers.

    Args:
        config: a protocol's data.
        data_root: where folder data sets lie.
        cache: folder for what is slow to make.
        rules: which numbers the methods of the protocol take in label maps.

    Raises:
        NotAvailable: if the data set is not here.
    """
    try:
        dataset = open_dataset(config, data_root, cache)
    except NotAvailable:
        raise
    except DataProblems as error:
        return Verified(data=config.name, problems=error.lines)
    except BenchError as error:
        return Verified(data=config.name, problems=[str(error)])
    problems = dataset.problems()
    for split in dataset.splits:
        for stream in dataset.streams:
            problems += _unreadable(dataset.images(split, stream))
        problems += _label_problems(dataset, split, rules)
    problems = list(dict.fromkeys(problems))  # label maps may be a stream, too
    computed = ""
    if not problems:
        computed = pixels = dataset.compute_fingerprint()
        if dataset.remembered_fingerprint(lambda: pixels) != pixels:
            problems.append(
                f"data set {dataset.name}: its files changed while keeping names, sizes and times; "
                f"remove {shown_path(cache)} and run again"
            )
    files = [path for paths in dataset.image_files().values() for path in paths]
    return Verified(
        data=dataset.name,
        counts=image_counts(dataset),
        fingerprint=computed,
        raw_files=len(files) or len(dataset.raw_files()),
        problems=problems,
        notices=dataset.notices() + dataset.traits(),
        deviations=dataset.count_deviations(),
    )


def _unreadable(images: ImageSet) -> list[str]:
    problems = []
    for i in range(len(images)):
        try:
            images.pixels(i)
        except BenchError as error:
            problems.append(str(error))
    return problems


def _label_problems(dataset: DataSet, split: str, rules: Sequence[LabelRule]) -> list[str]:
    """Label maps that cannot be read, or that hold other numbers than the methods of the protocol take."""
    try:
        maps = dataset.labels(split)
    except BenchError:  # it has none, or they are elsewhere: what needs them says so
        return []
    problems = []
    for i in range(len(maps)):
        try:
            labels = maps.labels(i)
        except BenchError as error:
            problems.append(str(error))
            continue
        problems += [
            f"label map {maps.name(i)} of {dataset.name} {split}: {problem} ({rule.method})"
            for rule in rules
            if (problem := rule.problem(labels))
        ]
    return problems


def sheet(config: DataConfig, data_root: Path, cache: Path, path: Path) -> Path:
    """Write a contact sheet: a row for each split and stream, its images evenly spaced over the set.

    Rows of an aligned split show the same places.

    Args:
        config: a protocol's data.
        data_root: where folder data sets lie.
        cache: folder for what is slow to make.
        path: PNG file to write.

    Returns:
        `path`.

    Raises:
        BenchError: if the data set cannot be read or the file not written.
    """
    dataset = open_dataset(config, data_root, cache)
    rows = []
    for split in dataset.splits:
        for stream in dataset.streams:
            images = dataset.images(split, stream)
            note = f"{len(images)} images" + (", aligned" if dataset.aligned(split) else "")
            rows.append((f"{split} {stream}\n{note}", [_sheet_pixels(images, i) for i in _spread(len(images))]))
    save_png(np.asarray(contact_sheet(rows, dataset.name)), path)
    return path


def _spread(total: int) -> list[int]:
    count = min(total, SHEET_COLUMNS)
    return [(2 * i + 1) * total // (2 * count) for i in range(count)]


def _sheet_pixels(images: ImageSet, i: int) -> np.ndarray:
    image = images.image(i)
    scale = SHEET_MAX_SIDE / max(image.size)
    if scale >= 1:
        return images.pixels(i)
    return resize(image, (max(1, round(image.width * scale)), max(1, round(image.height * scale))))
