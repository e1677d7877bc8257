"""From image to tensor and back, bit for bit as CUT's code base does it.

Source: taesungp/contrastive-unpaired-translation b3ac297, data/base_dataset.py (get_transform) and util/util.py
(tensor2im); its resizing is PIL's bicubic, which is antialiased, unlike a tensor's.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from bench.base.errors import BenchError
from bench.base.storage import write_atomically

if TYPE_CHECKING:
    import torch

SIDE_MULTIPLE = 4  # the generators halve a side twice


def resize(image: Image.Image, size: int | tuple[int, int]) -> np.ndarray:
    """Resize with PIL's bicubic filter, ignoring the aspect ratio.

    Args:
        image: RGB.
        size: side of the square, or (width, height), in pixels.

    Returns:
        uint8 (height, width, 3).
    """
    target = (size, size) if isinstance(size, int) else size
    return np.asarray(image if image.size == target else image.resize(target, Image.Resampling.BICUBIC))


def round_sides(pixels: np.ndarray) -> np.ndarray:
    """Bring both sides of a uint8 (H, W, 3) image to the nearest multiple of 4 with PIL's bicubic filter, if needed.

    Halves round to the even multiple, as Python's `round` does.
    """
    height, width = pixels.shape[:2]
    target = tuple(round(side / SIDE_MULTIPLE) * SIDE_MULTIPLE for side in (width, height))
    return pixels if target == (width, height) else resize(Image.fromarray(np.ascontiguousarray(pixels)), target)


def to_tensor(pixels: np.ndarray) -> torch.Tensor:
    """Scale to [-1, 1]: torchvision's ToTensor and Normalize(0.5, 0.5) in their order of operations.

    On the CPU always: a GPU divides by a constant through its reciprocal, which gives other bits.

    Args:
        pixels: uint8 (..., H, W, 3), any strides.

    Returns:
        float32 (..., 3, H, W), contiguous, on the CPU.
    """
    import torch

    channels_first = torch.tensor(np.ascontiguousarray(pixels)).movedim(-1, -3).contiguous()
    return channels_first.float().div_(255).sub_(0.5).div_(0.5)


def test_transform(image: Image.Image, crop_size: int) -> torch.Tensor:
    """Test preprocessing: resize to crop_size, round the sides to multiples of 4, scale; no crop, no flip.

    Args:
        image: RGB.
        crop_size: side in pixels.

    Returns:
        float32 (3, H, W) in [-1, 1].
    """
    return to_tensor(round_sides(resize(image, crop_size)))


test_transform.__test__ = False  # type: ignore[attr-defined]  # pytest must not take it for a test


def quantise(images: torch.Tensor, nearest: bool = False) -> np.ndarray:
    """The only way from generated images to bytes: clamp, (x + 1) / 2 * 255 in float32, cut off (not round).

    Args:
        images: (N, 3, H, W), nominally in [-1, 1].
        nearest: round to the nearest byte instead, halves up, as StyleGAN2's code does.

    Returns:
        uint8 (N, H, W, 3).

    Raises:
        BenchError: if a value is not a number, which would become an arbitrary byte.
    """
    values = images.detach().float().cpu().numpy()
    if np.isnan(values).any():
        raise BenchError("a generated image holds values that are not numbers; its weights are of no use")
    scaled = (np.clip(values, -1.0, 1.0).transpose(0, 2, 3, 1) + 1) / 2.0 * 255.0
    if nearest:
        scaled = np.floor(scaled + 0.5)
    return scaled.astype(np.uint8)


def save_png(pixels: np.ndarray, path: Path) -> None:
    """Write a uint8 (H, W, 3) image as PNG; the file is complete or absent.

    Raises:
        BenchError: if it cannot be written.
    """
    image = Image.fromarray(np.ascontiguousarray(pixels))
    write_atomically(path, lambda temporary: image.save(temporary, format="PNG"))
