"""What data sets with one folder of images for each split and stream have in common."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from bench.base.errors import BenchError, NotAvailable
from bench.base.hashing import file_sha256
from bench.data.dataset import DataSet, Split
from bench.data.images import FileImages, ImageSet, Subset
from bench.schema.data import DataConfig

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".tif", ".tiff"})


def image_files(folder: Path) -> list[Path]:
    """Every image file below a folder, links followed, extensions in either case, sorted by path as text."""
    paths = [
        Path(parent) / file
        for parent, _, files in os.walk(folder, followlinks=True)
        for file in files
        if Path(file).suffix.lower() in EXTENSIONS
    ]
    return sorted(paths, key=str)


class StreamFolders(DataSet):
    """A data set with a folder for each of train and test and each stream; validation images are held out of training.

    Args:
        config: what was opened.
        root: the folder that all others are in.
        folders: (split, stream) -> folder below `root`, for the splits train and test.
        validation: how many images of each training folder to hold out, the last in path order.
        cache: folder for what is slow to make.

    Attributes:
        files: (split, stream) -> every image file of its folder.

    Raises:
        NotAvailable: if a folder is missing.
        BenchError: if a folder holds no image, or too few to hold some out.
    """

    def __init__(
        self, config: DataConfig, root: Path, folders: Mapping[tuple[str, str], str], validation: int, cache: Path
    ) -> None:
        super().__init__(config, cache)
        self.root = root
        self._folders = dict(folders)
        self._validation = validation
        self.files = {place: self._read_folder(root / folder) for place, folder in folders.items()}
        self.splits: tuple[Split, ...] = ("train", "validation", "test") if validation else ("train", "test")
        for (split, stream), images in self.files.items():
            if split == "train" and validation >= len(images):
                raise BenchError(
                    f"data set {self.name}: validation: {validation} leaves nothing of the {len(images)} images in "
                    f"{self._folders[split, stream]}; hold out fewer"
                )

    def _read_folder(self, folder: Path) -> FileImages:
        if not folder.is_dir():
            raise NotAvailable(f"data set {self.name} is incomplete: {folder} is missing; put its images there")
        files = image_files(folder)
        if not files:
            known = " ".join(sorted(EXTENSIONS))
            raise BenchError(f"{folder}: holds no image ({known}); put the data set's images there")
        return FileImages(files, [file.relative_to(folder).as_posix() for file in files])

    def _images(self, split: str, stream: str) -> ImageSet:
        if split == "test":
            return self.files["test", stream]
        images = self.files["train", stream]
        if not self._validation:
            return images
        kept = len(images) - self._validation
        return Subset(images, range(kept) if split == "train" else range(kept, len(images)))

    def aligned(self, split: str) -> bool:
        """False: these folders promise no pairs."""
        return False

    def raw_files(self) -> list[tuple[Path, str]]:
        """Every image file with its sha256."""
        return [(path, file_sha256(path)) for images in self.files.values() for path in images.paths]

    def raw_state(self) -> str:
        """Names, sizes and modification times of all files; a change that keeps all three is not noticed."""
        lines = []
        for (split, stream), images in self.files.items():
            for path, name in zip(images.paths, images.names, strict=True):
                state = _stat(path)
                lines.append(f"{split}{stream}/{name} {state.st_size} {state.st_mtime_ns}")
        return "\n".join(lines)

    def published_counts(self) -> dict[tuple[str, str], int]:
        """Published numbers of images by (split, stream), where there are any."""
        return {}

    def count_deviations(self) -> list[str]:
        """Where a folder holds another number of images than published, and any held-out images."""
        deviations = [
            f"{self.name}/{self._folders[place]} holds {len(self.files[place])} images, published {expected}"
            for place, expected in self.published_counts().items()
            if expected != len(self.files[place])
        ]
        if self._validation:
            deviations.append(f"the last {self._validation} images of each training folder are held out for validation")
        return deviations


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise BenchError(
            f"{path}: cannot be read ({error.strerror}); put it back or open the data set again"
        ) from error
