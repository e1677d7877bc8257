"""What data sets with one folder of images for each split and stream have in common."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.base.errors import BenchError, NotAvailable
from bench.base.hashing import file_sha256
from bench.base.words import shown_path
from bench.data.dataset import DataProblems, DataSet, Split
from bench.data.image_file import EXTENSIONS
from bench.data.image_walk import ImageFolder, walk_images
from bench.data.images import FileImages, ImageSet, Subset
from bench.schema.data import DataConfig

ODD_SHARE = 0.2  # of a training folder, held out for validation, above which it is said to be a large one
# ends what says that data is missing
OWN = "; images of your own, wherever they are: --images DIR, or contrastbench data use DIR"


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
        DataProblems: if folders hold no image, or too few to hold some out.
    """

    def __init__(
        self, config: DataConfig, root: Path, folders: Mapping[tuple[str, str], str], validation: int, cache: Path
    ) -> None:
        super().__init__(config, cache)
        self.root = root
        self._folders = dict(folders)
        self._validation = validation
        if missing := [shown_path(root / folder) for folder in folders.values() if not (root / folder).is_dir()]:
            be = "is" if len(missing) == 1 else "are"
            raise NotAvailable(
                f"data set {self.name} is incomplete: {', '.join(missing)} {be} missing; put its images there"
            )
        self._walked = {place: walk_images(root / folder) for place, folder in folders.items()}
        if empty := [line for place, walked in self._walked.items() for line in self._too_few(place, walked)]:
            raise DataProblems(empty)
        self.files = {
            place: FileImages(
                walked.files, [file.relative_to(root / self._folders[place]).as_posix() for file in walked.files]
            )
            for place, walked in self._walked.items()
        }
        self.splits: tuple[Split, ...] = ("train", "validation", "test") if validation else ("train", "test")

    def _too_few(self, place: tuple[str, str], walked: ImageFolder) -> list[str]:
        folder, count = self._folders[place], len(walked.files)
        if not count:
            known = " ".join(sorted(EXTENSIONS))
            return [f"{shown_path(self.root / folder)}: holds no image ({known}); put the data set's images there"]
        if place[0] == "train" and self._validation >= count:
            return [
                f"data set {self.name}: validation: {self._validation} leaves nothing of the {count} images in {folder}; "
                "hold out fewer"
            ]
        return []

    def image_files(self) -> dict[str, Sequence[Path]]:
        """See `DataSet.image_files`."""
        return {f"{self.name}/{self._folders[place]}": images.paths for place, images in self.files.items()}

    def notices(self) -> list[str]:
        """See `DataSet.notices`."""
        return [
            f"{split} {stream}: {line}"
            for split in dict.fromkeys(split for split, _ in self._folders)
            for stream in self.streams
            for line in self._walked[split, self._side(stream)].notices
        ]

    def problems(self) -> list[str]:
        """See `DataSet.problems`."""
        return [line for walked in self._walked.values() for line in walked.problems]

    def _side(self, stream: str) -> str:
        """Under which name `files` has a stream."""
        return stream

    def _images(self, split: str, stream: str) -> ImageSet:
        if split == "test":
            return self.files["test", self._side(stream)]
        images = self.files["train", self._side(stream)]
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
                state = file_state(path)
                lines.append(f"{split}{stream}/{name} {state.st_size} {state.st_mtime_ns}")
        return "\n".join(lines)

    def published_counts(self) -> dict[tuple[str, str], int]:
        """Published numbers of images by (split, stream), where there are any."""
        return {}

    def other_counts(self) -> list[str]:
        """Where a folder holds another number of images than published."""
        return [
            f"{self.name}/{self._folders[place]} holds {len(self.files[place])} images, published {expected}"
            for place, expected in self.published_counts().items()
            if expected != len(self.files[place])
        ]

    def count_deviations(self) -> list[str]:
        """`other_counts`, and any held-out images."""
        deviations = self.other_counts()
        if self._validation:
            deviations.append(f"the last {self._validation} images of each training folder are held out for validation")
            shares = {
                self._folders[place]: (self._validation / len(images), len(images))
                for place, images in self.files.items()
                if place[0] == "train"
            }
            deviations += [
                f"validation holds out {self._validation} of the {total} images in {self.name}/{folder} ({share:.0%}, more "
                f"than {ODD_SHARE:.0%})"
                for folder, (share, total) in shares.items()
                if share > ODD_SHARE
            ]
        return deviations


def file_state(path: Path) -> os.stat_result:
    """What the file system says of a file.

    Raises:
        BenchError: if that is nothing; the file is gone, or a link that leads nowhere.
    """
    try:
        return path.stat()
    except OSError as error:
        raise BenchError(
            f"{shown_path(path)}: cannot be read ({error.strerror}); put it back or remove it; contrastbench data verify "
            "lists all such files"
        ) from error
