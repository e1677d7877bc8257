"""Images that somebody gives in the place of a data set's test images, for methods that were trained on that data set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.base.hashing import file_sha256
from bench.data.dataset import DataSet, Split
from bench.data.images import FileImages, ImageSet
from bench.data.labels import LabelMaps
from bench.data.paired_folder import FileLabels
from bench.schema.data import DataConfig, DomainFolderData, PairedFolderData


class GivenImages(DataSet):
    """Test images alone, the same in every stream; read as label maps where a method asks for those.

    Args:
        config: of the data set that the method was trained on.
        given: the images; empty where nothing is put in.
        cache: not used.
        original: opens that data set, for what only it knows: the colours of its classes.
    """

    splits: tuple[Split, ...] = ("test",)

    def __init__(self, config: DataConfig, given: FileImages, cache: Path, original: Callable[[], DataSet]) -> None:
        super().__init__(config, cache)
        self.streams = tuple(config.domains) if isinstance(config, DomainFolderData) else ("A",)
        self._given, self._original = given, original

    def _images(self, split: Split, stream: str) -> ImageSet:
        return self._given

    def aligned(self, split: str) -> bool:
        """False: nothing is known of them."""
        return False

    def labels(self, split: str) -> LabelMaps:
        """The files as label maps, counted as those of the data set are."""
        first = self.config.first_class if isinstance(self.config, PairedFolderData) else 0
        return FileLabels(list(self._given.paths), None, first)

    def colours(self) -> np.ndarray:
        """See `DataSet.colours`: those of the data set."""
        return self._original().colours()

    def raw_files(self) -> list[tuple[Path, str]]:
        """Every file with its sha256."""
        return [(path, file_sha256(path)) for path in self._given.paths]

    def raw_state(self) -> str:
        """The sha256 of every file: nothing is remembered of them."""
        return "\n".join(sha256 for _, sha256 in self.raw_files())
