"""Folder data sets: `NAME/trainA`, `trainB`, `testA`, `testB`, read as CUT's code base reads them.

Source: taesungp/contrastive-unpaired-translation b3ac297, data/image_folder.py and data/unaligned_dataset.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.base.errors import BenchError, NotAvailable
from bench.data.labels import LabelMaps
from bench.data.paired_folder import FileLabels
from bench.data.sources import FOLDERS, sources
from bench.data.stream_folders import OWN, StreamFolders
from bench.schema.data import FolderData

_NUMBER = re.compile(r"\d+(?=_|\.)")  # of `12_B.jpg`


class FolderDataSet(StreamFolders):
    """A data set of four folders; if `testA` is absent and `valA` is there, `valA` and `valB` are the test images.

    One whose owner names no test images (sources.yaml) may be without.

    Args:
        config: name, direction, published counts, held-out images.
        data_root: the folder that holds `NAME/`.
        cache: folder for what is slow to make.

    Raises:
        NotAvailable: if the data set or one of its folders is missing.
        DataProblems: if folders hold no image, or too few to hold some out.
    """

    config: FolderData

    def __init__(self, config: FolderData, data_root: Path, cache: Path) -> None:
        self._data_root = data_root
        root = data_root / config.name
        known = sources().get(config.name)
        named: tuple[str, ...] = tuple(known.folders) if known else FOLDERS
        if not root.is_dir():
            get = f"run contrastbench data prepare {config.name}, or " if known else ""
            raise NotAvailable(f"data set {config.name} is not here; {get}put its {' '.join(named)} under {root}{OWN}")
        test = "val" if not (root / "testA").is_dir() and (root / "valA").is_dir() else "test"
        prefixes = {"train": "train", "test": test}
        if "testA" not in named and not (root / f"{test}A").is_dir():
            del prefixes["test"]
        folders = {(split, side): f"{prefix}{side}" for split, prefix in prefixes.items() for side in ("A", "B")}
        super().__init__(config, root, folders, config.validation, cache)
        self.splits = tuple(split for split in self.splits if split != "test" or split in prefixes)
        self.ordered = "B" if config.direction == "BtoA" else "A"

    def _side(self, stream: str) -> str:
        """The folders' letter of a stream, by the configured direction."""
        return {"A": "B", "B": "A"}[stream] if self.config.direction == "BtoA" else stream

    def revisions(self) -> Mapping[str, int]:
        """Read from B to A, which stream is drawn at random was another one before (revision 1, in no key)."""
        return {"pairing": 2} if self.config.direction == "BtoA" else {}

    def labels(self, split: str) -> LabelMaps:
        """See `DataSet.labels`; only test images have any, and only where the configuration says where they are."""
        if self.config.test_labels is None or split != "test":
            return super().labels(split)
        files = sorted(self._data_root.glob(self.config.test_labels))
        if not files:
            raise NotAvailable(
                f"the label maps of {self.name}'s test images are not here: no {self._data_root / self.config.test_labels}; "
                "put the folders as published under the data root"
            )
        names = self.images("test", "A").names
        numbers = [int(match[0]) if (match := _NUMBER.match(name)) else -1 for name in names]
        if sorted(numbers) != list(range(len(files))):
            raise BenchError(
                f"{self.name}: its {len(names)} test images are not numbered like the {len(files)} label maps "
                f"{self.config.test_labels}; prepare both from one version of the data set"
            )
        return FileLabels([files[number] for number in numbers], None, 0)

    def published_counts(self) -> dict[tuple[str, str], int]:
        """See `StreamFolders.published_counts`."""
        published: dict[Any, int] = dict(self.config.counts or {})
        return {place: published[f"{place[0]}{place[1]}"] for place in self.files if "".join(place) in published}
