"""Sequences of named 8-bit RGB images: in memory, in files, chosen, halved, resized, fitted to others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from bench.data.image_file import read_image
from bench.data.transforms import resize


def evenly_spaced(total: int, count: int | None) -> list[int]:
    """Indices of `count` of `total` images spread over the whole set (all of them if count is None or larger)."""
    if count is None or count >= total:
        return list(range(total))
    return [(i * total) // count for i in range(count)]


class ImageSet(ABC):
    """A sequence of named RGB images in a fixed order.

    Attributes:
        names: unique; for files the path relative to the set's folder.
    """

    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    @abstractmethod
    def pixels(self, i: int) -> np.ndarray:
        """Image i as uint8 (H, W, 3); not to be written to."""

    def image(self, i: int) -> Image.Image:
        """Image i in mode RGB."""
        return Image.fromarray(np.ascontiguousarray(self.pixels(i)))

    def subset(self, indices: Sequence[int]) -> ImageSet:
        """Some of these images, in the order given."""
        return self if list(indices) == list(range(len(self))) else Subset(self, indices)


class ArrayImages(ImageSet):
    """Images of one size in one array.

    Args:
        names: one per image.
        array: uint8 (n, H, W, 3), in memory or memory-mapped.
    """

    def __init__(self, names: Sequence[str], array: np.ndarray) -> None:
        if array.shape[0] != len(names) or array.ndim != 4 or array.dtype != np.uint8:
            raise ValueError(f"{len(names)} names for an array of shape {array.shape} and type {array.dtype}")
        self.names = tuple(names)
        self.array = array

    def pixels(self, i: int) -> np.ndarray:
        """Image i as uint8 (H, W, 3); not to be written to."""
        return self.array[i]


class FileImages(ImageSet):
    """Image files, decoded at each access.

    Args:
        paths: in the set's order.
        names: one per file; None takes the file names.
    """

    def __init__(self, paths: Sequence[Path], names: Sequence[str] | None = None) -> None:
        self.paths = tuple(paths)
        self.names = tuple(path.name for path in paths) if names is None else tuple(names)
        if len(self.names) != len(self.paths):
            raise ValueError(f"{len(self.names)} names for {len(self.paths)} files")

    def pixels(self, i: int) -> np.ndarray:
        """Image i as uint8 (H, W, 3)."""
        return np.asarray(self.image(i))

    def image(self, i: int) -> Image.Image:
        """Image i in mode RGB."""
        return read_image(self.paths[i])


class Subset(ImageSet):
    """Some images of another set, in the order given.

    Args:
        images: the other set.
        indices: into it.
    """

    def __init__(self, images: ImageSet, indices: Sequence[int]) -> None:
        self.images = images
        self.indices = tuple(indices)
        self.names = tuple(images.names[i] for i in self.indices)

    def pixels(self, i: int) -> np.ndarray:
        """Image i as uint8 (H, W, 3); not to be written to."""
        return self.images.pixels(self.indices[i])

    def image(self, i: int) -> Image.Image:
        """Image i in mode RGB."""
        return self.images.image(self.indices[i])


class Resized(ImageSet):
    """Images of another set brought to one size, as test inputs are.

    Args:
        images: the other set.
        size: side in pixels, or (width, height).
    """

    def __init__(self, images: ImageSet, size: int | tuple[int, int]) -> None:
        self.images = images
        self.size = size
        self.names = images.names

    def pixels(self, i: int) -> np.ndarray:
        """Image i as uint8 of that size."""
        return resize(self.images.image(i), self.size)


class Fitted(ImageSet):
    """Images of another set, each brought to the size of the image that stands at its place in `like`.

    Args:
        images: the other set.
        like: as many images.
    """

    def __init__(self, images: ImageSet, like: ImageSet) -> None:
        self.images = images
        self.like = like
        self.names = images.names

    def pixels(self, i: int) -> np.ndarray:
        """Image i as uint8 of that size."""
        return resize(self.images.image(i), self.like.image(i).size)


class Half(ImageSet):
    """The left or right half of each image of another set, as pix2pix's pairs lie in one file.

    Source: junyanz/pytorch-CycleGAN-and-pix2pix, data/aligned_dataset.py: cut at half the width, rounded down.

    Args:
        images: the other set.
        which: left or right.
    """

    def __init__(self, images: ImageSet, which: Literal["left", "right"]) -> None:
        self.images = images
        self.which = which
        self.names = images.names

    def pixels(self, i: int) -> np.ndarray:
        """Half of image i as uint8 (H, W, 3)."""
        return np.asarray(self.image(i))

    def image(self, i: int) -> Image.Image:
        """Half of image i in mode RGB."""
        whole = self.images.image(i)
        middle = whole.width // 2
        return whole.crop((0, 0, middle, whole.height) if self.which == "left" else (middle, 0, *whole.size))
