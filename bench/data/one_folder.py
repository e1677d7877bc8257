"""One folder of images for unconditional generation: `NAME/` and everything below it, prepared at the size of training.

Training uses the whole set or a subset of it. Generated images are compared, as is usual in the field, with the set
itself and not with a held-out part of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from bench.base.errors import BenchError, NotAvailable
from bench.base.hashing import file_sha256
from bench.base.words import shown_path
from bench.data.dataset import DataSet, Split
from bench.data.image_file import EXTENSIONS
from bench.data.image_walk import walk_images
from bench.data.images import FileImages, ImageSet
from bench.data.stream_folders import OWN, file_state
from bench.schema.data import ImageFolderData


class ImageFolderDataSet(DataSet):
    """Images of one folder, in the order of one fixed permutation of their sorted paths.

    Subsets are the first images of that permutation, so that smaller ones lie inside larger ones.

    Args:
        config: name, subset, what to compare with, published number.
        data_root: the folder that holds `NAME/`.
        cache: folder for what is slow to make.

    Raises:
        NotAvailable: if the folder is missing or holds less than the subset.
        BenchError: if it holds no image.
    """

    config: ImageFolderData
    splits: tuple[Split, ...] = ("train", "test")
    streams: tuple[str, ...] = ("B",)

    def __init__(self, config: ImageFolderData, data_root: Path, cache: Path) -> None:
        super().__init__(config, cache)
        root = data_root / config.name
        if not root.is_dir():
            raise NotAvailable(f"data set {config.name} is not here; put its images under {root}{OWN}")
        self._walked = walk_images(root)
        files = self._walked.files
        if not files:
            raise BenchError(
                f"{shown_path(root)}: holds no image ({' '.join(sorted(EXTENSIONS))}); put the data set's images there"
            )
        if config.subset is not None and len(files) < config.subset:
            raise NotAvailable(
                f"{shown_path(root)}: holds {len(files)} images, fewer than the subset of {config.subset}; add the rest"
            )
        order = np.random.default_rng(0).permutation(len(files))
        self._files = FileImages([files[i] for i in order], [files[i].relative_to(root).as_posix() for i in order])

    @cached_property
    def _train(self) -> ImageSet:
        return self._files.subset(range(self.config.subset or len(self._files)))

    def _images(self, split: Split, stream: str) -> ImageSet:
        if split == "train":
            return self._train
        images = self._files if self.config.compare_with == "all" else self._train
        return images.subset(range(min(len(images), self.config.compare_at_most)))

    def aligned(self, split: str) -> bool:
        """False: there is nothing to be aligned with."""
        return False

    def image_files(self) -> dict[str, Sequence[Path]]:
        """See `DataSet.image_files`."""
        return {self.name: self._walked.files}

    def notices(self) -> list[str]:
        """See `DataSet.notices`."""
        return self._walked.notices

    def problems(self) -> list[str]:
        """See `DataSet.problems`."""
        return self._walked.problems

    def raw_files(self) -> list[tuple[Path, str]]:
        """Every image file with its sha256."""
        return [(path, file_sha256(path)) for path in sorted(self._files.paths, key=str)]

    def raw_state(self) -> str:
        """Names, sizes and modification times of all files; a change that keeps all three is not noticed."""
        states = zip(self._files.names, (file_state(path) for path in self._files.paths), strict=True)
        return "\n".join(f"{name} {state.st_size} {state.st_mtime_ns}" for name, state in states)

    def other_counts(self) -> list[str]:
        """Whether the folder holds another number of images than published."""
        if self.config.count in (None, len(self._files)):
            return []
        return [f"{self.name} holds {len(self._files)} images, published {self.config.count}"]
