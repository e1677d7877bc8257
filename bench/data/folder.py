"""Folder data sets: `NAME/trainA`, `trainB`, `testA`, `testB`, read as CUT's code base reads them.

Source: taesungp/contrastive-unpaired-translation b3ac297, data/image_folder.py and data/unaligned_dataset.py.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from bench.base.errors import BenchError, NotAvailable
from bench.base.hashing import file_sha256
from bench.data.dataset import DataSet, Split, Stream
from bench.data.images import FileImages, ImageSet, Subset
from bench.data.labels import LabelMaps
from bench.data.paired_folder import FileLabels
from bench.data.sources import sources
from bench.schema.data import FolderData

_NUMBER = re.compile(r"\d+(?=_|\.)")  # of `12_B.jpg`
EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".tif", ".tiff"})


def image_files(folder: Path) -> list[Path]:
    """Every image file below a folder, links followed, extensions in either case, sorted by path as text."""
    found = [
        Path(parent) / file
        for parent, _, files in os.walk(folder, followlinks=True)
        for file in files
        if Path(file).suffix.lower() in EXTENSIONS
    ]
    return sorted(found, key=str)


class FolderDataSet(DataSet):
    """A data set of four folders; if `testA` is absent and `valA` is there, `valA` and `valB` are the test images.

    Args:
        config: name, direction, published counts, held-out images.
        data_root: the folder that holds `NAME/`.
        cache: folder for what is slow to make.

    Raises:
        NotAvailable: if the data set or one of its folders is missing.
        BenchError: if a folder holds no image, or too few to hold some out.
    """

    config: FolderData

    def __init__(self, config: FolderData, data_root: Path, cache: Path) -> None:
        super().__init__(config, cache)
        self._data_root = data_root
        self.root = data_root / config.name
        if not self.root.is_dir():
            known = config.name in sources()
            get = f"run contrastbench data prepare {config.name}, or " if known else ""
            raise NotAvailable(
                f"data set {config.name} is not here; {get}put its trainA trainB testA testB under {self.root}"
            )
        test = "val" if not (self.root / "testA").is_dir() and (self.root / "valA").is_dir() else "test"
        self._test_prefix = test
        self._files = {
            (split, side): self._read_folder(f"{prefix}{side}")
            for split, prefix in (("train", "train"), ("test", test))
            for side in ("A", "B")
        }
        self.splits: tuple[Split, ...] = ("train", "validation", "test") if config.validation else ("train", "test")
        for side in ("A", "B") if config.validation else ():
            if config.validation >= len(self._files["train", side]):
                raise BenchError(
                    f"data set {config.name}: validation: {config.validation} leaves nothing of the "
                    f"{len(self._files['train', side])} images in train{side}; hold out fewer"
                )

    def _read_folder(self, name: str) -> FileImages:
        folder = self.root / name
        if not folder.is_dir():
            raise NotAvailable(f"data set {self.name} is incomplete: {folder} is missing; put its images there")
        files = image_files(folder)
        if not files:
            known = " ".join(sorted(EXTENSIONS))
            raise BenchError(f"{folder}: holds no image ({known}); put the data set's images there")
        return FileImages(files, [file.relative_to(folder).as_posix() for file in files])

    def _images(self, split: Split, stream: Stream) -> ImageSet:
        """The images of a split and stream, oriented by the configured direction."""
        swapped: dict[Stream, Stream] = {"A": "B", "B": "A"}
        side = swapped[stream] if self.config.direction == "BtoA" else stream
        if split == "test":
            return self._files["test", side]
        images = self._files["train", side]
        if not self.config.validation:
            return images
        kept = len(images) - self.config.validation
        return Subset(images, range(kept) if split == "train" else range(kept, len(images)))

    def aligned(self, split: str) -> bool:
        """False: these folders promise no pairs."""
        return False

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
        numbers = [int(found[0]) if (found := _NUMBER.match(name)) else -1 for name in names]
        if sorted(numbers) != list(range(len(files))):
            raise BenchError(
                f"{self.name}: its {len(names)} test images are not numbered like the {len(files)} label maps "
                f"{self.config.test_labels}; prepare both from one version of the data set"
            )
        return FileLabels([files[number] for number in numbers], None, 0)

    def raw_files(self) -> list[tuple[Path, str]]:
        """Every image file with its sha256."""
        return [(path, file_sha256(path)) for images in self._files.values() for path in images.paths]

    def raw_state(self) -> str:
        """Names, sizes and modification times of all files; a change that keeps all three is not noticed."""
        lines = []
        for (split, side), images in self._files.items():
            for path, name in zip(images.paths, images.names, strict=True):
                state = _stat(path)
                lines.append(f"{split}{side}/{name} {state.st_size} {state.st_mtime_ns}")
        return "\n".join(lines)

    def count_deviations(self) -> list[str]:
        """Where a folder holds another number of images than published, and any held-out images."""
        published: dict[Any, int] = dict(self.config.counts or {})
        found = []
        for (split, side), images in self._files.items():
            expected = published.get(f"{split}{side}", len(images))
            if expected != len(images):
                folder = f"{self._test_prefix if split == 'test' else split}{side}"
                found.append(f"{self.name}/{folder} holds {len(images)} images, published {expected}")
        if self.config.validation:
            found.append(
                f"the last {self.config.validation} images of each training folder are held out for validation"
            )
        return found


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise BenchError(
            f"{path}: cannot be read ({error.strerror}); put it back or open the data set again"
        ) from error
