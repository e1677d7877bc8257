"""How StarGAN v2 cuts its training images: one half of the time a part of the image, enlarged, otherwise all of it.

Source: clovaai/stargan-v2 875b70a, core/data_loader.py (get_train_loader); torchvision, RandomResizedCrop.
"""

from __future__ import annotations

from math import exp, log
from typing import NamedTuple

import numpy as np
from PIL import Image

AREA = (0.8, 1.0)  # share of the image
RATIO = (0.9, 1.1)  # width over height of the part
TRIES = 10


class Box(NamedTuple):
    """A part of an image, in pixels."""

    top: int
    left: int
    height: int
    width: int


def draw_box(rng: np.random.Generator, width: int, height: int) -> Box:
    """A part of uniform area and log-uniform shape that fits into the image; after ten misses the largest in the middle.

    Args:
        rng: where the numbers come from.
        width: of the image in pixels.
        height: likewise.
    """
    for _ in range(TRIES):
        area = width * height * rng.uniform(*AREA)
        ratio = exp(rng.uniform(log(RATIO[0]), log(RATIO[1])))
        w, h = round((area * ratio) ** 0.5), round((area / ratio) ** 0.5)
        if 0 < w <= width and 0 < h <= height:
            return Box(int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1)), h, w)
    w, h = width, height
    if width / height < RATIO[0]:
        h = round(width / RATIO[0])
    elif width / height > RATIO[1]:
        w = round(height * RATIO[1])
    return Box((height - h) // 2, (width - w) // 2, h, w)


def enlarged(image: Image.Image, box: Box | None, side: int) -> np.ndarray:
    """A part of an image, or all of it, as a square by PIL's bilinear filter, ignoring its shape.

    Args:
        image: RGB.
        box: which part; None: everything.
        side: in pixels.

    Returns:
        uint8 (side, side, 3).
    """
    if box is not None:
        image = image.crop((box.left, box.top, box.left + box.width, box.top + box.height))
    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR))
