"""Folders of small images as users have them, for tests."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image


def write_images(
    folder: Path, names: Iterable[str] | int, seed: int = 0, size: tuple[int, int] = (20, 14), suffix: str = "png"
) -> Path:
    """Write noise images.

    Args:
        folder: made if it is not there.
        names: without ending; a number: as many, named by it and by `seed`.
        seed: other images.
        size: (width, height) in pixels.
        suffix: the ending, which is the format.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chosen = [f"{seed} {number:03d}" for number in range(names)] if isinstance(names, int) else list(names)
    rng = np.random.default_rng(seed)
    for name in chosen:
        pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{name}.{suffix}")
    return folder
