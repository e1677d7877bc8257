"""The `cityscapes` data set of CycleGAN and CUT, made from the archives of its owners.

Follows datasets/prepare_cityscapes_dataset.py of junyanz/pytorch-CycleGAN-and-pix2pix: every photograph and every colour
label map is read as RGB, resized to 256 x 256 and saved as JPEG of quality 100 without chroma subsampling, the
photograph as A/`i_A.jpg`, the label map as B/`i_B.jpg`, i counting the sorted files from 0; the official validation
split becomes the test split.

The script names no filter, so Pillow decides: before 7.0 (January 2020) `resize` took the nearest pixel, since then it
interpolates bicubically, which blends the colours of neighbouring classes in a label map and smooths a photograph. The
script is from Pillow's earlier time; so `nearest` is our default for both, and `bicubic` is what it does today.
"""

from __future__ import annotations

import io
import logging
import re
import zipfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import IO

from PIL import Image

from bench.base.errors import BenchError
from bench.base.regular import open_regular
from bench.base.storage import write_atomically
from bench.data.image_file import Traits, decode
from bench.data.meter import Meter
from bench.data.unpack import MAX_FILES, Damaged

log = logging.getLogger(__name__)
FILTERS: dict[str, Image.Resampling] = {"nearest": Image.Resampling.NEAREST, "bicubic": Image.Resampling.BICUBIC}
SIDE = 256
SPLITS = {"train": "train", "val": "test"}  # official split -> ours; the official test labels are blank
PARTS = {"photograph": "leftImg8bit.png", "label map": "gtFine_color.png"}
ARCHIVES = {"photograph": "leftImg8bit_trainvaltest.zip", "label map": "gtFine_trainvaltest.zip"}

# split/city/city_sequence_frame_ + what the file shows
_NAME = re.compile(r"(?:^|/)(train|val)/([^/]+/[^/]+)_(leftImg8bit\.png|gtFine_color\.png)$")

Reader = Callable[[], IO[bytes] | io.FileIO]


def convert(
    given: Sequence[Path],
    target: Path,
    label_filter: str,
    photo_filter: str,
    meter: Callable[[int, int], Meter],
) -> None:
    """Write trainA, trainB, testA and testB; images that an earlier, interrupted attempt wrote are kept.

    Args:
        given: the owner's two zip archives, which are read as they are, or folders they were unpacked to.
        target: folder to write to; must hold nothing that was made with other filters.
        label_filter: how label maps are resized: `nearest` or `bicubic`.
        photo_filter: how photographs are resized, likewise.
        meter: given the numbers of images in all and there already, shows the progress.

    Raises:
        Damaged: if an archive or an image in it is damaged.
        BenchError: if photographs or label maps are missing, or belong to other scenes; names the first.
    """
    with ExitStack() as stack:
        readers: dict[str, dict[str, Reader]] = {}
        for path in given:
            for name, reader in _files(path, stack).items():
                split, scene, part = _parts(name)
                readers.setdefault(f"{split} {part}", {}).setdefault(scene, reader)
        jobs = [
            (reader, target / f"{ours}{side}" / f"{i}_{side}.jpg", FILTERS[filter_name])
            for split, ours in SPLITS.items()
            for side, part, filter_name in (("A", "photograph", photo_filter), ("B", "label map", label_filter))
            for i, reader in enumerate(_paired(readers, split, part, given))
        ]
        left = [(reader, path, resampling) for reader, path, resampling in jobs if not path.is_file()]
        rotated: list[str] = []
        with meter(len(jobs), len(jobs) - len(left)) as shown:
            for reader, path, resampling in left:
                if _convert(reader, path, resampling).rotated:
                    rotated.append(path.name)
                shown.advance()
        if rotated:
            log.warning(
                "cityscapes: %d of %d images note a rotation (EXIF), which is not applied, as in the originals' script; "
                "the owner's files have none: %s",
                len(rotated), len(left), ", ".join(rotated[:3]),
            )  # fmt: skip


def _files(path: Path, stack: ExitStack) -> dict[str, Reader]:
    """The photographs and colour label maps of an archive or a folder, by their path in it."""
    if path.is_dir():
        files = {file.relative_to(path.parent).as_posix(): file for file in path.rglob("*.png") if file.is_file()}
        return {name: partial(io.FileIO, file) for name, file in files.items() if _NAME.search(name)}
    try:
        archive = stack.enter_context(zipfile.ZipFile(stack.enter_context(open_regular(path))))
    except zipfile.BadZipFile as error:
        raise Damaged(f"{path}: is no zip archive, or an incomplete one; download it again") from error
    except OSError as error:
        raise BenchError(f"{path}: cannot be read ({error.strerror}); give the path of the archive") from error
    if len(archive.namelist()) > MAX_FILES:
        raise BenchError(f"{path}: holds more than {MAX_FILES} files, so it is not the data set")
    return {name: partial(archive.open, name) for name in archive.namelist() if _NAME.search(name)}


def _parts(name: str) -> tuple[str, str, str]:
    """Official split, city/scene, and what the file shows."""
    match = _NAME.search(name)
    assert match is not None
    return match[1], match[2], next(part for part, ending in PARTS.items() if ending == match[3])


def _paired(readers: dict[str, dict[str, Reader]], split: str, part: str, given: Sequence[Path]) -> list[Reader]:
    """The readers of one split and part, sorted as the script sorts its files, every one with its counterpart."""
    by_part = {kind: readers.get(f"{split} {kind}", {}) for kind in PARTS}
    for kind, scenes in by_part.items():
        if not scenes:
            raise BenchError(
                f"{', '.join(path.name for path in given)}: no {kind} of the split {split} "
                f"({split}/CITY/..._{PARTS[kind]}); give {ARCHIVES[kind]} with --from"
            )
    for scene in sorted(by_part["photograph"].keys() ^ by_part["label map"].keys()):
        lacking = next(kind for kind in PARTS if scene not in by_part[kind])
        raise BenchError(f"cityscapes: {split}/{scene} has no {lacking}; give the complete archives of one version")
    # the script sorts whole file names; the ending is common to all of them, and so is what it compares
    return [by_part[part][scene] for scene in sorted(by_part[part], key=lambda scene: f"{scene}_{PARTS[part]}")]


def _convert(reader: Reader, path: Path, resampling: Image.Resampling) -> Traits:
    """Write one image; what its source is."""
    seen: list[Traits] = []
    try:
        with reader() as file:
            small = decode(file, path.name, seen.append).resize((SIDE, SIDE), resampling)
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, zlib.error, BenchError) as error:
        raise Damaged(f"cityscapes: the source of {path.name} cannot be read ({error}); download it again") from error
    write_atomically(path, lambda file: small.save(file, format="JPEG", quality=100, subsampling=0), "--data")
    return seen[0]
