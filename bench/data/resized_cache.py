"""The deterministic part of training data, decode and resize, done once and kept memory-mapped within a byte budget."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.data.array_cache import ArrayCache, key_of
from bench.data.dataset import DataSet
from bench.data.transforms import resize

log = logging.getLogger(__name__)

BUDGET_BYTES = 4 << 30  # each set of images; 2,975 Cityscapes images at 286 pixels take 0.7 GB


def resized_images(
    dataset: DataSet,
    split: str,
    stream: str,
    size: int | tuple[int, int],
    cache: Path,
    budget_bytes: int = BUDGET_BYTES,
) -> Callable[[int], np.ndarray]:
    """A function from index to the image resized to one size, from disk if that is affordable.

    Args:
        dataset: where the images come from.
        split: of the data set.
        stream: of the data set.
        size: side of a square, or (width, height), in pixels, reached by PIL's bicubic filter.
        cache: folder for the resized images; if it cannot be written they are made anew at each call.
        budget_bytes: larger sets are made anew at each call.

    Returns:
        A function from index to uint8 (height, width, 3), not to be written to.

    Raises:
        BenchError: if an image cannot be read.
    """
    images = dataset.images(split, stream)

    def make(i: int) -> np.ndarray:
        return resize(images.image(i), size)

    width, height = (size, size) if isinstance(size, int) else size
    shape = (len(images), height, width, 3)
    needed = int(np.prod(shape, dtype=np.int64))
    if needed > budget_bytes:
        log.warning(
            "%s %s %s at %s pixels takes %.1f GB, over the cache's %.1f GB: decoding at each step instead",
            dataset.name, split, stream, size, needed / 1e9, budget_bytes / 1e9,
        )  # fmt: skip
        return make
    store = ArrayCache(cache / "resized")
    key = key_of(dataset.fingerprint(), split, stream, size)
    stored = store.read(key)
    if stored is None:
        stored = store.write(key, shape, (make(i) for i in range(len(images))))
    return make if stored is None else np.asarray(stored).__getitem__  # a plain view: memmap objects are slow to slice
