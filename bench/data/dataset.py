"""What every data set gives: image sets by split and stream, a fingerprint of its pixels, and its raw files."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeGuard, get_args

import numpy as np
import PIL
from PIL import Image

from bench.data.array_cache import ArrayCache, key_of
from bench.data.config import DataConfig, EarthData, ImageFolderData, PairedFolderData
from bench.data.labels import LabelMaps
from bench.data.transforms import resize
from bench.errors import BenchError

Split = Literal["train", "validation", "test"]
Stream = Literal["A", "B"]


def read_image(path: Path) -> Image.Image:
    """Open an image file as RGB, as the originals do: `Image.convert("RGB")`.

    Grey becomes three equal channels; alpha is dropped, not composited, so hidden colours of transparent pixels show.

    Raises:
        BenchError: if the file is missing, truncated or no image.
    """
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except FileNotFoundError as error:
        raise BenchError(f"{path}: is gone; put it back or open the data set again") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = str(error).split("\n")[0].replace(f" '{path}'", "")
        raise BenchError(f"{path}: cannot be read as an image ({reason}); replace or remove the file") from error


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


class DataSet(ABC):
    """An opened data set, oriented: methods translate stream A to stream B.

    Args:
        config: what was opened.
        cache: folder for what is slow to make; need not be writable.

    Attributes:
        splits: those it has, in the order train, validation, test.
        streams: those it has, `("A", "B")` or `("B",)`.
    """

    splits: tuple[Split, ...]
    streams: tuple[Stream, ...] = ("A", "B")

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
            stream: A or B.

        Raises:
            BenchError: if this data set has no such split or stream.
        """
        if not _is_split(split) or split not in self.splits:
            raise BenchError(f"data set {self.name} has no split '{split}'; it has {', '.join(self.splits)}")
        if not _is_stream(stream) or stream not in self.streams:
            raise BenchError(f"data set {self.name} has no stream '{stream}'; it has {', '.join(self.streams)}")
        return self._images(split, stream)

    @abstractmethod
    def _images(self, split: Split, stream: Stream) -> ImageSet:
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

        Remembered in the cache under `raw_state`; `compute_fingerprint` asks the pixels.
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


def _is_stream(name: str) -> TypeGuard[Stream]:
    return name in get_args(Stream)


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_dataset(config: DataConfig, data_root: Path, cache: Path) -> DataSet:
    """Open a data set.

    Args:
        config: which one, and how it is cut and oriented.
        data_root: where folder data sets lie.
        cache: folder for what is slow to make; need not be writable.

    Raises:
        NotAvailable: if this machine lacks it; says how to get it.
        BenchError: if it is there but empty or damaged.
    """
    if isinstance(config, EarthData):
        from bench.data.earth import EarthDataSet

        return EarthDataSet(config, cache)
    if isinstance(config, PairedFolderData):
        from bench.data.paired_folder import PairedFolderDataSet

        return PairedFolderDataSet(config, data_root, cache)
    if isinstance(config, ImageFolderData):
        from bench.data.image_folder import ImageFolderDataSet

        return ImageFolderDataSet(config, data_root, cache)
    from bench.data.folder import FolderDataSet

    return FolderDataSet(config, data_root, cache)
