"""The user's own images, read where they lie: one folder for each stream, or two halves of each image.

What the folders do not say, which images are for tests and which for validation, is decided by bench/data/held_out.py.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np

from bench.base.errors import BenchError, NotAvailable
from bench.base.words import shown_path
from bench.data.array_cache import ArrayCache
from bench.data.dataset import DataProblems, Split
from bench.data.held_out import contents, numbers, share_out
from bench.data.images import FileImages, Half, ImageSet
from bench.data.labels import LabelMaps
from bench.data.paired_folder import PALETTE, ColouredLabels, FileLabels, with_labels
from bench.data.stream_folders import StreamFolders
from bench.schema.data import OwnImagesData

HELD: tuple[Split, ...] = ("validation", "test")
LABELS = "A"  # the stream of label maps


class OwnImagesDataSet(StreamFolders):
    """A data set of the user's.

    Args:
        config: where its folders are, what they hold, and what is held out.
        data_root: the folder that a relative one is in.
        cache: folder for what is slow to make.

    Raises:
        NotAvailable: if a folder is missing.
        DataProblems: if folders hold no image, or pairs are not complete.
    """

    config: OwnImagesData

    def __init__(self, config: OwnImagesData, data_root: Path, cache: Path) -> None:
        root = data_root / config.folder
        if not root.is_dir():
            raise NotAvailable(
                f"data set {config.name}: its folder {shown_path(root)} is gone; put it back, write where it is now "
                "into the protocol, or begin anew with --images DIR"
            )
        self.streams = tuple(stream.name for stream in config.streams)
        self.ordered = self.streams[0]
        self._of = {stream.name: stream for stream in config.streams}
        folders: dict[tuple[str, str], str] = {
            (part, one.name): folder for one in config.streams for part, folder in one.folders.items()
        }
        super().__init__(config, root, folders, 0, cache)
        self.splits: tuple[Split, ...] = ("train", "validation", "test") if config.has_validation else ("train", "test")
        if config.pairs:
            self._match()

    def _match(self) -> None:
        """Bring the images of every stream into the order of the first, by their names without ending.

        Raises:
            DataProblems: if one has no partner.
        """
        problems: list[str] = []
        for part in dict.fromkeys(part for part, _ in self.files):
            named = {
                stream: by_scene(self.files[part, stream]) for stream in self.streams if (part, stream) in self.files
            }
            first = next(iter(named))
            for stream, scenes in named.items():
                where = shown_path(self.root / self._folders[part, stream])
                problems += [f"{where}: {shown_path(Path(a))} and {shown_path(Path(b))} name the same scene; rename one"
                             for a, b in twice(self.files[part, stream])]  # fmt: skip
                for scene in sorted(scenes.keys() ^ named[first].keys()):
                    has, lacks = (first, stream) if scene in named[first] else (stream, first)
                    problems.append(
                        f"data set {self.name}: {part}: '{shown_path(Path(scene))}' is in {has} but not in {lacks}; add the "
                        "missing image or remove the other"
                    )
            if not problems:
                for stream, scenes in named.items():
                    images = self.files[part, stream]
                    order = [scenes[scene] for scene in named[first]]
                    self.files[part, stream] = FileImages(
                        [images.paths[i] for i in order], [images.names[i] for i in order]
                    )
        if problems:
            raise DataProblems(problems)

    def _files_of(self, split: str, stream: str) -> FileImages:
        """The files of a split and a stream."""
        if split != "train" and (split, stream) in self.files:
            return self.files[split, stream]
        chosen = self._held_out[self.streams[0] if self.config.pairs else stream][split]
        images = self.files["train", stream]
        return FileImages([images.paths[i] for i in chosen], [images.names[i] for i in chosen])

    def _images(self, split: str, stream: str) -> ImageSet:
        """The images of a stream; of label maps, which are stream A, pictures for people."""
        images, half = self._files_of(split, stream), self._of[stream].half
        if self.config.label_maps and stream == LABELS:
            return ColouredLabels(images.names, self.labels(split))
        return images if half is None else Half(images, half)

    def labels(self, split: str) -> LabelMaps:
        """See `DataSet.labels`."""
        if not self.config.label_maps or split not in self.splits:
            return super().labels(split)
        return FileLabels(list(self._files_of(split, LABELS).paths), None, 0)

    def colours(self) -> np.ndarray:
        """See `DataSet.colours`."""
        return PALETTE if self.config.label_maps else super().colours()

    def compute_fingerprint(self) -> str:
        """See `DataSet.compute_fingerprint`; of the numbers of label maps too."""
        pixels = super().compute_fingerprint()
        return with_labels(self, pixels) if self.config.label_maps else pixels

    @cached_property
    def _held_out(self) -> dict[str, dict[str, list[int]]]:
        """Stream -> split -> which images of its training folder."""
        return {stream: self._divided(stream) for stream in self.streams}

    def _divided(self, stream: str) -> dict[str, list[int]]:
        paths, shares = self.files["train", stream].paths, self._shares(stream)
        if not any(shares.values()):
            return {"train": list(range(len(paths)))}
        store = ArrayCache(self.cache / "contents")
        digests = store.get(self.cache_key("contents", stream), lambda: contents(paths))
        assert self.config.held_out is not None  # it has the shares
        try:
            return share_out(numbers(digests, self.config.held_out.seed), shares["test"], shares["validation"])
        except BenchError as error:
            where = shown_path(self.root / self._folders["train", stream])
            raise DataProblems(
                [f"data set {self.name}: {where}: {error}; add images, or folders for {' and '.join(shares)}"]
            ) from error

    def _shares(self, stream: str) -> dict[str, float]:
        """What of a stream's training folder is held out, by split."""
        held = self.config.held_out
        return {
            part: getattr(held, part) if held is not None and (part, stream) not in self.files else 0.0 for part in HELD
        }

    def aligned(self, split: str) -> bool:
        """Whether all streams show the same scenes."""
        return self.config.pairs

    def image_files(self) -> dict[str, Sequence[Path]]:
        """See `DataSet.image_files`; a folder of side-by-side pairs is there once, label maps are not."""
        return {
            str(PurePosixPath(self.name, self._folders[place])): images.paths
            for place, images in self.files.items()
            if not (self.config.label_maps and place[1] == LABELS)
        }

    def notices(self) -> list[str]:
        """See `DataSet.notices`."""
        return list(dict.fromkeys(line for walked in self._walked.values() for line in walked.notices))

    def problems(self) -> list[str]:
        """See `DataSet.problems`."""
        return list(dict.fromkeys(super().problems()))

    def count_deviations(self) -> list[str]:
        """How the splits were made, where the folders do not have them."""
        held = self.config.held_out
        made = {part: getattr(held, part) for stream in self.streams for part in HELD if self._shares(stream)[part]}
        if held is None or not made:
            return []
        shares = " and ".join(f"{share:.0%} for {part}" for part, share in made.items())
        return [f"images are held out by their content: {shares}, seed {held.seed}"]


def by_scene(images: FileImages) -> dict[str, int]:
    """Where the image of each scene is: files by their names without ending, composed and decomposed letters alike."""
    return {scene_of(name): i for i, name in enumerate(images.names)}


def twice(images: FileImages) -> list[tuple[str, str]]:
    """Pairs of files that name the same scene."""
    first: dict[str, str] = {}
    return [(first[scene], name) for name in images.names if first.setdefault(scene := scene_of(name), name) != name]


def scene_of(name: str) -> str:
    """A file's name without its ending, in composed letters."""
    return unicodedata.normalize("NFC", str(PurePosixPath(name).with_suffix("")))
