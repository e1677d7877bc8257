"""Paired folder data sets: photographs and label maps of the same scenes, found by patterns in their published layout.

Source: NVlabs/SPADE fecacc9, data/pix2pix_dataset.py, cityscapes_dataset.py, ade20k_dataset.py.
"""

from __future__ import annotations

import colorsys
import hashlib
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.base.errors import BenchError, NotAvailable
from bench.base.hashing import file_sha256
from bench.base.words import shown_path
from bench.data.dataset import DataProblems, DataSet, Split
from bench.data.image_file import read_values
from bench.data.images import FileImages, ImageSet
from bench.data.labels import LabelMaps
from bench.data.stream_folders import file_state
from bench.plugin.config import UNKNOWN
from bench.schema.data import PairedFolderData


def _palette() -> np.ndarray:
    """256 colours that differ, unknown black: hues by the golden ratio, so that neighbouring classes look different."""
    colours = [colorsys.hsv_to_rgb(i * 0.618034 % 1, 0.85 - 0.1 * (i % 4), 1 - 0.15 * (i // 4 % 4)) for i in range(255)]
    return np.array([*np.round(np.array(colours) * 255), (0, 0, 0)], dtype=np.uint8)


PALETTE = _palette()


class FileLabels(LabelMaps):
    """Label maps in files.

    Args:
        classes: one single-channel image file per map.
        instances: likewise, of instance numbers; None: there are none.
        first_class: the value in the files that is class 0; smaller ones are unknown (ADE20K: 1).
    """

    def __init__(self, classes: list[Path], instances: list[Path] | None, first_class: int) -> None:
        self.classes = classes
        self.instances = instances
        self.first_class = first_class
        self.channels = 1 if instances is None else 2

    def __len__(self) -> int:
        return len(self.classes)

    def name(self, i: int) -> str:
        """Its file."""
        return shown_path(self.classes[i])

    def labels(self, i: int) -> np.ndarray:
        """Map i as uint16 (H, W, channels).

        Raises:
            BenchError: if a file is damaged, not a label map, or the two differ in size.
        """
        values = _read(self.classes[i])
        known = (values >= self.first_class) & (values != UNKNOWN)
        planes = [np.where(known, values - self.first_class, UNKNOWN)]
        if self.instances is not None:
            planes.append(_read(self.instances[i]))
            if planes[1].shape != planes[0].shape:
                raise BenchError(
                    f"{shown_path(self.instances[i])}: its size differs from {shown_path(self.classes[i])}; replace it"
                )
        return np.stack(planes, axis=-1).astype(np.uint16)


class ColouredLabels(ImageSet):
    """Label maps as pictures, for people.

    Args:
        names: one per map.
        maps: the label maps.
    """

    def __init__(self, names: tuple[str, ...], maps: LabelMaps) -> None:
        self.names = names
        self.maps = maps

    def pixels(self, i: int) -> np.ndarray:
        """Map i in colour: uint8 (H, W, 3)."""
        return PALETTE[np.minimum(self.maps.labels(i)[..., 0], UNKNOWN)]


class PairedFolderDataSet(DataSet):
    """A data set of photographs and label maps; a pair is two files whose paths agree but for the patterns' fixed parts.

    Args:
        config: name, patterns, published counts.
        data_root: the folder that holds `NAME/`.
        cache: folder for what is slow to make.

    Raises:
        NotAvailable: if the data set or one of its parts is missing.
        BenchError: if a photograph has no label map or the reverse.
    """

    config: PairedFolderData
    splits: tuple[Split, ...] = ("train", "test")

    def __init__(self, config: PairedFolderData, data_root: Path, cache: Path) -> None:
        super().__init__(config, cache)
        self.root = data_root / config.name
        self._files = {split: self._find(split) for split in self.splits}

    def _find(self, split: Split) -> dict[str, list[Path]]:
        """The files of a split by kind (images, labels, instances), each list in the order of the scenes' names."""
        patterns = {"images": self.config.images, "labels": self.config.labels, "instances": self.config.instances}
        folder = self.config.train if split == "train" else self.config.test
        scenes = {
            kind: self._scenes(pattern.format(split=folder))
            for kind, pattern in patterns.items()
            if pattern is not None
        }
        problems = [line for kind in scenes for line in self._unpaired(folder, kind, scenes[kind], scenes["images"])]
        if problems:
            raise DataProblems(problems)
        return {kind: [files[name] for name in scenes["images"]] for kind, files in scenes.items()}

    def _unpaired(self, folder: str, kind: str, files: dict[str, Path], images: dict[str, Path]) -> list[str]:
        """The scenes that one kind of file has and the photographs have not, or the reverse."""
        lines = []
        for scene in sorted(files.keys() ^ images.keys()):
            has, lacks = (kind, "images") if scene in files else ("images", kind)
            lines.append(
                f"data set {self.name}: {folder}: scene '{shown_path(Path(scene))}' is among the {has} but not among the "
                f"{lacks}; put the missing file there or remove the other"
            )
        return lines

    def _scenes(self, pattern: str) -> dict[str, Path]:
        """Files by the part of their name that the pattern leaves open, in the order of their names.

        Composed and decomposed letters (Linux, Mac) make no difference.
        """
        suffix = pattern.rpartition("*")[2]
        paths = sorted(self.root.glob(pattern), key=lambda path: path.name.removesuffix(suffix))
        files: dict[str, Path] = {}
        twice = []
        for path in paths:
            other = files.setdefault(unicodedata.normalize("NFC", path.name.removesuffix(suffix)), path)
            if other != path:
                twice.append(
                    f"data set {self.name}: {shown_path(other)} and {shown_path(path)} name the same scene; rename one"
                )
        if twice:
            raise DataProblems(twice)
        if not files:
            raise NotAvailable(
                f"data set {self.name} is not here: no {shown_path(self.root / pattern)}; put the published folders under "
                f"{shown_path(self.root)}"
            )
        return files

    def _images(self, split: Split, stream: str) -> ImageSet:
        """A: label maps in colour; B: photographs."""
        photographs = FileImages(self._files[split]["images"])
        return photographs if stream == "B" else ColouredLabels(photographs.names, self.labels(split))

    def labels(self, split: str) -> LabelMaps:
        """See `DataSet.labels`."""
        if split not in self.splits:
            raise BenchError(f"data set {self.name} has no split '{split}'; it has {', '.join(self.splits)}")
        files = self._files[split]
        return FileLabels(files["labels"], files.get("instances"), self.config.first_class)

    def colours(self) -> np.ndarray:
        """See `DataSet.colours`."""
        return PALETTE

    def aligned(self, split: str) -> bool:
        """True: every photograph has its label map."""
        return True

    def _paths(self) -> list[Path]:
        return [path for files in self._files.values() for paths in files.values() for path in paths]

    def image_files(self) -> dict[str, Sequence[Path]]:
        """See `DataSet.image_files`: the photographs."""
        return {f"{self.name} {split}": files["images"] for split, files in self._files.items()}

    def raw_files(self) -> list[tuple[Path, str]]:
        """Every file with its sha256."""
        return [(path, file_sha256(path)) for path in self._paths()]

    def raw_state(self) -> str:
        """Names, sizes and modification times of all files; a change that keeps all three is not noticed."""
        states = [(path.relative_to(self.root).as_posix(), file_state(path)) for path in self._paths()]
        return "\n".join(f"{name} {state.st_size} {state.st_mtime_ns}" for name, state in states)

    def other_counts(self) -> list[str]:
        """Where a split has another number of pairs than published."""
        counts = {split: len(files["images"]) for split, files in self._files.items()}
        return [
            f"{self.name} {split} holds {counts[split]} pairs, published {published}"
            for split, published in (self.config.counts or {}).items()
            if counts[split] != published
        ]

    def compute_fingerprint(self) -> str:
        """The fingerprint of the pixels and of the label maps, instance numbers included."""
        return with_labels(self, super().compute_fingerprint())


def with_labels(dataset: DataSet, pixels: str) -> str:
    """A fingerprint of pixels with the label maps of every split, as 64 hex digits."""
    digest = hashlib.sha256(pixels.encode())
    for split in dataset.splits:
        maps = dataset.labels(split)
        for i in range(len(maps)):
            labels = maps.labels(i)
            digest.update(f"{split}/{labels.shape}\n".encode())
            digest.update(np.ascontiguousarray(labels, dtype="<u2").tobytes())
    return digest.hexdigest()


def _read(path: Path) -> np.ndarray:
    """A single-channel image of whole numbers as int32 (H, W)."""
    values = read_values(path)
    if values.ndim != 2 or values.dtype.kind not in "iub" or int(values.min()) < 0 or int(values.max()) > 0xFFFF:
        raise BenchError(
            f"{shown_path(path)}: is no label map: one channel of whole numbers from 0 to 65535; replace it"
        )
    return values.astype(np.int32)
