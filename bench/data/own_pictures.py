"""`contrastbench data prepare single-image --from A --from B`: two pictures of the user's, checked and put into place."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from bench import __version__
from bench.base.errors import BenchError, NotAvailable, UsageError
from bench.base.storage import explained, write_json
from bench.base.words import shown_path
from bench.data.image_file import EXTENSIONS, read_image
from bench.data.pictures import PictureDataSet
from bench.data.prepared import RECORD, Prepared, Record, read_record
from bench.schema.data import PictureData

LEAST_SIDE = 64  # of the published crops, to which no picture is shrunk below


def prepare_pictures(config: PictureData, data_root: Path, work: Path, given: Sequence[Path]) -> Prepared:
    """Copy two pictures into `NAME/trainA` and `NAME/trainB`; those that are there already are left alone.

    Args:
        config: of the protocol's data.
        data_root: folder that will hold `NAME/`.
        work: folder of what is unfinished, on the same disk.
        given: the picture to translate, and the one whose look it shall take; none if they are there.

    Raises:
        NotAvailable: if nothing is there and nothing is given.
        UsageError: for another number than two, or others than those that are there.
        BenchError: if a picture cannot be read or is too small, or what is there cannot be used.
    """
    folder = data_root / config.name
    how = (
        f"contrastbench data prepare {config.name} --from PICTURE --from PICTURE, first the one to translate, then the one "
        "whose look it shall take"
    )
    if folder.exists():
        return _already_there(config, folder, work, given)
    if not given:
        raise NotAvailable(f"{config.name} is made of two pictures of yours: {how}")
    if len(given) != 2:
        raise UsageError(f"{config.name} is two pictures, not {len(given)}: {how}")
    for path in given:
        _require_usable(path)
    staging = work / config.name
    with explained(staging, "--data"):
        shutil.rmtree(staging, ignore_errors=True)
        for side, path in zip("AB", given, strict=True):
            (staging / f"train{side}").mkdir(parents=True)
            shutil.copyfile(path, staging / f"train{side}" / path.name)
        record = Record(data=config.name, owner="you", licence="as you know it", contrastbench=__version__, archives=[])
        write_json(staging / RECORD, record.model_dump(mode="json", by_alias=True))
        staging.rename(folder)
    dataset = PictureDataSet(config, data_root, work)
    return Prepared(data=config.name, state="prepared", folder=str(folder), counts=_counts(dataset), record=record)


def _require_usable(path: Path) -> None:
    width, height = read_image(path).size
    if min(width, height) < LEAST_SIDE:
        raise BenchError(
            f"{shown_path(path)}: has {width} x {height} pixels; give a picture of {LEAST_SIDE} or more a side"
        )
    if path.suffix.lower() not in EXTENSIONS:
        known = " ".join(sorted(EXTENSIONS))
        raise BenchError(f"{shown_path(path)}: only files named {known} count as images; save it under such a name")


def _already_there(config: PictureData, folder: Path, work: Path, given: Sequence[Path]) -> Prepared:
    try:
        dataset = PictureDataSet(config, folder.parent, work)
        there = [dataset.files["train", side].paths[0] for side in "AB"]
        for path in there:
            _require_usable(path)
    except BenchError as error:
        raise BenchError(
            f"{folder} is there already but cannot be used ({error}); move it away and run the same command again"
        ) from error
    if given and [read_image(path).tobytes() for path in given] != [read_image(path).tobytes() for path in there]:
        raise UsageError(f"{folder} holds other pictures; move it away to prepare it anew")
    record = read_record(folder / RECORD)
    return Prepared(data=config.name, state="here already", folder=str(folder), counts=_counts(dataset), record=record)


def _counts(dataset: PictureDataSet) -> dict[str, int]:
    return {f"train {side}": len(dataset.files["train", side]) for side in "AB"}
