"""Made-up data sets with the counts, sizes and file names that protocols publish; pictures of chance, each named made-up."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

MADE_UP = "made-up"
NOTE = (
    "Every picture below this folder is made up: blots of chance colours, drawn by tests/rehearsal/pictures.py to rehearse\n"
    "with. They have the number, size and format of the pictures of {original} and nothing else of them. No number that\n"
    "is measured with them is a result.\n"
)
SIDE = 256
STREET = (2048, 1024)  # width and height of Cityscapes' photographs and label maps
LABELS = 34  # numbers of Cityscapes' label maps
_COARSE = 32  # blots along the width


def made_up(name: str) -> str:
    """The name of what stands in for a data set, a protocol or a table of that name."""
    return f"{MADE_UP}-{name}"


def pictures_of(content: dict[str, Any]) -> dict[str, tuple[str, tuple[int, int]]]:
    """The files that a protocol's data set has.

    Args:
        content: of the made-up protocol's file.

    Returns:
        Path below the data root -> what is shown (`picture` or `labels`), and width and height.
    """
    data = content["data"]
    name, files = data["name"], dict[str, tuple[str, tuple[int, int]]]()
    if data["family"] == "folder":
        for folder, count in data["counts"].items():
            # Cityscapes' are numbered by its preparation, and so is who has the label map of whom
            ending = f"_{folder[-1]}.jpg" if "test_labels" in data else ".jpg"
            files |= {f"{name}/{folder}/{i}{ending}": ("picture", (SIDE, SIDE)) for i in range(count)}
        return files
    for split, count in data["counts"].items():
        for kind, shown in (("images", "picture"), ("labels", "labels")):
            pattern = data[kind].format(split=data[split]).replace("/*/", f"/{MADE_UP}/")
            files |= {f"{name}/{pattern.replace('*', f'{MADE_UP}_{i:06d}')}": (shown, STREET) for i in range(count)}
    return files


def draw(path: Path, name: str, shown: str, size: tuple[int, int]) -> None:
    """Write one picture, which its name decides; a street is flat blots, whose PNG is quickly packed."""
    digest = hashlib.sha256(name.encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    coarse = (_COARSE * size[1] // size[0], _COARSE)
    temporary = path.with_name(f".{path.name}.tmp")
    if shown == "labels":
        image = Image.fromarray(rng.integers(0, LABELS, coarse, dtype=np.uint8))
    else:
        image = Image.fromarray(rng.integers(0, 256, (*coarse, 3), dtype=np.uint8))
    is_jpeg = path.suffix == ".jpg"
    image = image.resize(size, Image.Resampling.BICUBIC if is_jpeg else Image.Resampling.NEAREST)
    if is_jpeg:
        image.save(temporary, "JPEG", quality=95)
    else:
        image.save(temporary, "PNG", compress_level=1)
    os.replace(temporary, path)  # noqa: PTH105  one that a kill cut short is none


def write_pictures(root: Path, content: dict[str, Any], original: str, say: Callable[[int, int], None]) -> int:
    """Write what is missing of a data set, with a note of what it is.

    Args:
        root: the data root.
        content: of the made-up protocol's file.
        original: the data set whose counts and sizes these are.
        say: told how many pictures are there, of how many.

    Returns:
        How many were missing.
    """
    files = pictures_of(content)
    missing = [name for name in files if not (root / name).is_file()]
    for folder in {(root / name).parent for name in missing}:
        folder.mkdir(parents=True, exist_ok=True)
    for done, name in enumerate(missing, len(files) - len(missing)):
        say(done, len(files))
        draw(root / name, name, *files[name])
    (root / content["data"]["name"] / "MADE-UP.txt").write_text(NOTE.format(original=original))
    return len(missing)
