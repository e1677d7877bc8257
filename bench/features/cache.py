"""Features on disk, found by content: extracted once, shared by every metric of every run."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from bench.base.array_file import read_arrays
from bench.base.errors import BenchError
from bench.base.storage import write_atomically
from bench.features.extractor import Extractor

logger = logging.getLogger(__name__)


class Images(Protocol):
    """What scoring needs of an image set."""

    @property
    def names(self) -> Sequence[str]:
        """A name for each image."""

    def __len__(self) -> int:
        """Number of images."""

    def pixels(self, index: int, /) -> np.ndarray:
        """One image, uint8 (H, W, 3), RGB."""


def content_hash(images: Images) -> str:
    """The sha256 of an image set: number of images, then shape and decoded pixels of each in order; names do not count.

    Decoded pixels, not files: one picture stored as two different PNG files is one picture.
    """
    digest = hashlib.sha256(f"{len(images)} images".encode())
    for index in range(len(images)):
        pixels = images.pixels(index)
        digest.update(f"{pixels.shape} {pixels.dtype}".encode())
        digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


class FeatureCache:
    """Features of image sets, in memory and on disk.

    A damaged file is reported and made anew; a folder that cannot be written costs time, never correctness.

    Args:
        folder: where feature files are kept; safe to delete.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._hashes: dict[int, tuple[Images, str]] = {}
        self._features: dict[str, np.ndarray] = {}

    def features(self, extractor: Extractor, images: Images) -> np.ndarray:
        """Look features up, or extract and keep them.

        Args:
            extractor: the network.
            images: the image set; it must not change while this object lives.

        Returns:
            float32 (number of images, dimension), read-only.

        Raises:
            NotAvailable: if they are not cached and the extractor's weights are absent.
        """
        key = self.key(extractor, images)
        if key not in self._features:
            path = self.folder / extractor.id / f"{key}.npz"
            features = _read(path, (len(images), extractor.dimension))
            if features is None:
                features = extractor.features(images.pixels(i) for i in range(len(images)))
                _write(path, features)
            features.setflags(write=False)
            self._features[key] = features
        return self._features[key]

    def key(self, extractor: Extractor, images: Images) -> str:
        """Hash of content, extractor and preprocessing, and of the type of device if it is not the CPU."""
        # The set itself is kept next to its hash, so that its id() cannot be given to another object
        if id(images) not in self._hashes:
            self._hashes[id(images)] = (images, content_hash(images))
        content = self._hashes[id(images)][1]
        parts = [content, extractor.id, extractor.preprocessing]
        parts += [extractor.device_type] if extractor.device_type != "cpu" else []
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def _read(path: Path, shape: tuple[int, int]) -> np.ndarray | None:
    """The features stored at `path`, or None if there are none, or none that can be trusted."""
    try:
        stored = read_arrays(path)
        features, checksum = stored["features"], str(stored["sha256"])
    except FileNotFoundError:
        return None
    except (BenchError, KeyError) as error:
        logger.warning("%s is damaged (%s); its features are extracted again", path, error)
        return None
    if features.shape != shape or features.dtype != np.float32 or _checksum(features) != checksum:
        logger.warning("%s is damaged (checksum); its features are extracted again", path)
        return None
    return features


def _write(path: Path, features: np.ndarray) -> None:
    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, features=features, sha256=np.array(_checksum(features)))

    try:
        write_atomically(path, write)
    except BenchError as error:
        logger.warning("features are not kept for the next time: %s", error)


def _checksum(features: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(features).data).hexdigest()
