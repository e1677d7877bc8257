"""What `contrastbench data list`, `data verify NAME` and `data sheet NAME` do, given protocols' data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench.base.errors import BenchError, NotAvailable
from bench.base.streams import printable
from bench.data.contact_sheet import contact_sheet
from bench.data.dataset import DataSet
from bench.data.images import ImageSet
from bench.data.opening import open_dataset
from bench.data.transforms import resize, save_png
from bench.schema.data import DataConfig

SHEET_COLUMNS = 12
SHEET_MAX_SIDE = 192  # larger images are shrunk, so that a sheet stays a screen wide


@dataclass(frozen=True)
class DataState:
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
    counts: dict[str, int] = field(default_factory=dict)
    message: str = ""
    deviations: list[str] = field(default_factory=list)


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
        return DataState(config.name, "present", image_counts(dataset), "", dataset.count_deviations())
    except NotAvailable as error:
        return DataState(config.name, "not here", message=str(error))
    except BenchError as error:
        return DataState(config.name, "damaged", message=str(error))


def data_rows(cache: Path, data_root: Path) -> list[dict[str, Any]]:
    """The state of every protocol's data: one row for each, with the fields of DataState.

    Args:
        cache: folder for what is slow to make.
        data_root: where folder data sets lie.
    """
    from bench.schema.protocol import load_protocol, protocol_names

    return [
        {"protocol": name, **asdict(data_state(load_protocol(name).data, data_root, cache))}
        for name in sorted(protocol_names())
    ]


def print_data(rows: list[dict[str, Any]]) -> None:
    """Show `data_rows` to people: a line for each protocol, deviations below it."""
    width = max(len(row["protocol"]) for row in rows)
    for row in rows:
        splits: dict[str, list[str]] = {}
        for place, count in row["counts"].items():
            split, stream = place.split()
            splits.setdefault(split, []).append(f"{stream} {count}")
        counts = "; ".join(f"{split} {', '.join(parts)}" for split, parts in splits.items())
        print(printable(f"{row['protocol']:<{width}}  {row['state']:<8}  {row['message'] or counts}"))
        for line in row["deviations"]:
            print(f"{'':<{width}}  {'':<8}  deviation: {printable(line)}")


def verify(config: DataConfig, data_root: Path, cache: Path) -> dict[str, Any]:
    """Decode every image and compute the fingerprint from the pixels, whatever the cache remembers.

    Args:
        config: a protocol's data.
        data_root: where folder data sets lie.
        cache: folder for what is slow to make.

    Returns:
        `data`: its name; `counts`: images by split and stream; `fingerprint`: sha256 of the pixels, empty if an image
        cannot be read; `raw_files`: how many files were read; `problems`: one line for each image that cannot be read,
        and one if the pixels are not those remembered; `deviations`: how the numbers differ from the published ones.

    Raises:
        NotAvailable: if the data set is not here.
        BenchError: if it cannot be opened at all.
    """
    dataset = open_dataset(config, data_root, cache)
    problems = [
        line for split in dataset.splits for s in dataset.streams for line in _unreadable(dataset.images(split, s))
    ]
    computed = ""
    if not problems:
        computed = dataset.compute_fingerprint()
        if computed != dataset.fingerprint():
            problems.append(
                f"data set {dataset.name}: its files changed while keeping names, sizes and times; "
                f"remove {cache} and run again"
            )
    return {
        "data": dataset.name,
        "counts": image_counts(dataset),
        "fingerprint": computed,
        "raw_files": len(dataset.raw_files()),
        "problems": problems,
        "deviations": dataset.count_deviations(),
    }


def _unreadable(images: ImageSet) -> list[str]:
    problems = []
    for i in range(len(images)):
        try:
            images.pixels(i)
        except BenchError as error:
            problems.append(str(error))
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
