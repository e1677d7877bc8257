"""What every data set gives: image sets by split and stream, a fingerprint of its pixels, and its raw files."""

from __future__ import annotations

import hashlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeGuard, get_args

import numpy as np
import PIL

from bench.base.errors import BenchError
from bench.data.array_cache import ArrayCache, key_of
from bench.data.image_file import RULES
from bench.data.image_traits import format_lines, trait_lines
from bench.data.images import ImageSet
from bench.data.labels import LabelMaps
from bench.schema.data import DataConfig

log = logging.getLogger(__name__)

Split = Literal["train", "validation", "test"]


class DataProblems(BenchError):
    """Several things are wrong with a data set.

    Args:
        lines: one for each; the message is the first of them and how many there are.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = list(lines)
        more = f" (and {len(lines) - 1} more like it: contrastbench data verify)" if len(lines) > 1 else ""
        super().__init__(lines[0] + more)


class DataSet(ABC):
    """An opened data set: splits of streams, which are named image sets.

    Where there are two streams it is oriented: methods translate stream A to stream B.

    Args:
        config: what was opened.
        cache: folder for what is slow to make; need not be writable.

    Attributes:
        splits: those it has, in the order train, validation, test.
        streams: those it has: `("A", "B")`, `("B",)`, or the names of its domains.
        ordered: the stream whose images the originals' loader goes through in a permutation, while it draws from the
            others at random: its A, which is the stream B of a data set that is read from B to A.
    """

    splits: tuple[Split, ...]
    streams: tuple[str, ...] = ("A", "B")
    ordered: str = "A"

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

    def count(self, split: str, stream: str) -> int:
        """How many images a split and a stream hold; see `images`."""
        return len(self.images(split, stream))

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

    def other_counts(self) -> list[str]:
        """Where there are more or fewer images than published, one line each."""
        return []

    def count_deviations(self) -> list[str]:
        """How the numbers of images differ from the published ones, whoever decided that; one line each."""
        return self.other_counts()

    def revisions(self) -> Mapping[str, int]:
        """Revisions of rules by which this data set is read; they join the keys of runs."""
        return {}

    def image_files(self) -> Mapping[str, Sequence[Path]]:
        """The image files it is read from, by the name of their folder or split; none where there are no such files."""
        return {}

    def notices(self) -> list[str]:
        """What its folders hold that a reader may not expect, one line each."""
        return []

    def problems(self) -> list[str]:
        """What of its folders cannot be looked at, one line each."""
        return []

    def traits(self) -> list[str]:
        """How its image files differ from plain 8-bit RGB and from each other, from their headers; a line for each kind."""
        files = self.image_files()
        return [*(line for place, paths in files.items() for line in trait_lines(place, paths)), *format_lines(files)]

    def fingerprint(self) -> str:
        """sha256 over the decoded pixels, names and sizes of all splits and streams in order, as 64 hex digits.

        Remembered in the cache under `raw_state`; `compute_fingerprint` reads the pixels.
        """

        def compute() -> str:
            digest = self.compute_fingerprint()
            for line in self.traits():  # said once: the fingerprint is remembered
                log.warning("data set %s: %s", self.name, line)
            return digest

        return self.remembered_fingerprint(compute)

    def remembered_fingerprint(self, compute: Callable[[], str]) -> str:
        """The fingerprint in the cache; where there is none for the files as they are, what `compute` gives is kept."""
        digest = ArrayCache(self.cache / "fingerprints").get(
            self._fingerprint_key(), lambda: np.frombuffer(bytes.fromhex(compute()), dtype=np.uint8)
        )
        return bytes(digest).hex()

    def _fingerprint_key(self) -> str:
        return self.cache_key("fingerprint", RULES)

    def compute_fingerprint(self) -> str:
        """The fingerprint, computed from the pixels."""
        digest = hashlib.sha256()
        for split in self.splits:
            for stream in self.streams:
                images = self.images(split, stream)
                for i, name in enumerate(images.names):
                    pixels = images.pixels(i)
                    digest.update(f"{split}/{stream}/{name}/{pixels.shape}\n".encode("utf-8", "surrogateescape"))
                    digest.update(np.ascontiguousarray(pixels).tobytes())
        return digest.hexdigest()

    def cache_key(self, *parts: object) -> str:
        """A cache key for something made from this data set's pixels; the decoder's version is part of it."""
        return key_of(self.config.model_dump_json(), self.raw_state(), PIL.__version__, *parts)


def _is_split(name: str) -> TypeGuard[Split]:
    return name in get_args(Split)
