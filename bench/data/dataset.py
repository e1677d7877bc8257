"""What every data set gives: image sets by split and stream, a fingerprint of its pixels, and its raw files."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Literal, TypeGuard, get_args

import numpy as np
import PIL

from bench.base.errors import BenchError
from bench.data.array_cache import ArrayCache, key_of
from bench.data.images import ImageSet
from bench.data.labels import LabelMaps
from bench.schema.data import DataConfig

Split = Literal["train", "validation", "test"]


class DataSet(ABC):
    """An opened data set: splits of streams, which are named image sets.

    Where there are two streams it is oriented: methods translate stream A to stream B.

    Args:
        config: what was opened.
        cache: folder for what is slow to make; need not be writable.

    Attributes:
        splits: those it has, in the order train, validation, test.
        streams: those it has: `("A", "B")`, `("B",)`, or the names of its domains.
    """

    splits: tuple[Split, ...]
    streams: tuple[str, ...] = ("A", "B")

    def __init__(self, config: DataConfig, cache: Path) -> None:
        self.config = config
        self.cache = cache

    @property
    def name(self) -> str:
        """The data set's name for people."""
        return self.config.name

    def images(self, split: str, stream: str) -> ImageSet:
        """The images of a split and a stream.

        Args:
            split: train, validation or test.
            stream: one of `streams`.

        Raises:
            BenchError: if this data set has no such split or stream.
        """
        if not _is_split(split) or split not in self.splits:
            raise BenchError(f"data set {self.name} has no split '{split}'; it has {', '.join(self.splits)}")
        if stream not in self.streams:
            raise BenchError(f"data set {self.name} has no stream '{stream}'; it has {', '.join(self.streams)}")
        return self._images(split, stream)

    @abstractmethod
    def _images(self, split: Split, stream: str) -> ImageSet:
        """The images of a split and stream that exist."""

    @abstractmethod
    def aligned(self, split: str) -> bool:
        """Whether A[i] and B[i] of the split show the same place, so that B[i] is the truth for A[i]."""

    def labels(self, split: str) -> LabelMaps:
        """The label maps of a split, one for each of its images in stream B.

        Raises:
            BenchError: if the data set has none.
            NotAvailable: if they are not on this machine.
        """
        raise BenchError(f"data set {self.name} has no label map for each image of its split {split}")

    def colours(self) -> np.ndarray:
        """The colour in which each number of a label map is shown: uint8 (at least as many as numbers, 3).

        Raises:
            BenchError: if the data set has no label maps.
        """
        raise BenchError(f"data set {self.name} has no label maps")

    @abstractmethod
    def raw_files(self) -> list[tuple[Path, str]]:
        """Every file the data set is read from, with its sha256."""

    @abstractmethod
    def raw_state(self) -> str:
        """Text that changes when the raw files do, quick to get: it keys the caches."""

    def count_deviations(self) -> list[str]:
        """How the numbers of images differ from the published ones, one line each."""
        return []

    def fingerprint(self) -> str:
        """sha256 over the decoded pixels, names and sizes of all splits and streams in order, as 64 hex digits.

        Remembered in the cache under `raw_state`; `compute_fingerprint` reads the pixels.
        """
        digest = ArrayCache(self.cache / "fingerprints").get(
            self.cache_key("fingerprint"),
            lambda: np.frombuffer(bytes.fromhex(self.compute_fingerprint()), dtype=np.uint8),
        )
        return bytes(digest).hex()

    def compute_fingerprint(self) -> str:
        """The fingerprint, computed from the pixels."""
        digest = hashlib.sha256()
        for split in self.splits:
            for stream in self.streams:
                images = self.images(split, stream)
                for i, name in enumerate(images.names):
                    pixels = images.pixels(i)
                    digest.update(f"{split}/{stream}/{name}/{pixels.shape}\n".encode())
                    digest.update(np.ascontiguousarray(pixels).tobytes())
        return digest.hexdigest()

    def cache_key(self, *parts: object) -> str:
        """A cache key for something made from this data set's pixels; the decoder's version is part of it."""
        return key_of(self.config.model_dump_json(), self.raw_state(), PIL.__version__, *parts)


def _is_split(name: str) -> TypeGuard[Split]:
    return name in get_args(Split)
