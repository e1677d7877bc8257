"""Label maps: the condition of a paired data set, whole numbers that are never blended.

Source: NVlabs/SPADE fecacc9, data/pix2pix_dataset.py: labels are resized with the nearest neighbour, 255 is unknown.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from bench.data.array_cache import ArrayCache, key_of

if TYPE_CHECKING:  # `data list` must not import torch
    from bench.plugin.config import MethodConfig, PairedConfig

log = logging.getLogger(__name__)

BUDGET_BYTES = 4 << 30  # as for resized images; 2,975 Cityscapes maps with instances at 512 x 256 take 1.6 GB


@dataclass(frozen=True)
class LabelRule:
    """Which numbers a method takes in label maps.

    Attributes:
        classes: it knows 0..classes-1.
        unlabelled: whether pixels may be unknown.
        method: whose rule it is, for messages.
    """

    classes: int
    unlabelled: bool
    method: str = ""

    @classmethod
    def of(cls, config: PairedConfig, method: str = "") -> LabelRule:
        """The rule of a method's configuration."""
        return cls(config.label_nc, config.contain_dontcare_label, method)

    @classmethod
    def asked_by(cls, config: MethodConfig, method: str) -> LabelRule | None:
        """The rule of a method, None if it reads no label maps."""
        from bench.plugin.config import PairedConfig

        return cls.of(config, method) if isinstance(config, PairedConfig) else None

    def problem(self, labels: np.ndarray) -> str | None:
        """What in a label map, uint16 (H, W, 1 or 2), is against this rule; None: nothing."""
        from bench.plugin.config import UNKNOWN

        unknown = labels[..., 0] == UNKNOWN
        highest = int(np.where(unknown, 0, labels[..., 0]).max())
        if highest >= self.classes:
            return f"has class {highest}, but label_nc is {self.classes}; set label_nc"
        if unknown.any() and not self.unlabelled:
            return "has unlabelled pixels; set contain_dontcare_label"
        return None


class LabelMaps(ABC):
    """A sequence of label maps in a fixed order.

    Attributes:
        channels: 1 (classes) or 2 (classes, instance numbers).
    """

    channels: int

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def labels(self, i: int) -> np.ndarray:
        """Map i as uint16 (H, W, channels); class 255 is unknown. Not to be written to."""

    def name(self, i: int) -> str:
        """Map i for messages: its file, where it has one."""
        return str(i)

    def subset(self, indices: Sequence[int]) -> LabelMaps:
        """Some of these maps, in the order given."""
        return ChosenLabels(self, indices)

    def resized(self, i: int, size: tuple[int, int]) -> np.ndarray:
        """Map i as uint16 (height, width, channels) of (width, height) `size`, by PIL's nearest neighbour."""
        labels = self.labels(i)
        if labels.shape[1::-1] == size:
            return labels
        # mode I holds 32 bits; PIL resizes no 16-bit image
        planes = [Image.fromarray(labels[..., c].astype(np.int32)) for c in range(self.channels)]
        resized = [np.asarray(plane.resize(size, Image.Resampling.NEAREST)) for plane in planes]
        return np.stack(resized, axis=-1).astype(np.uint16)


class ChosenLabels(LabelMaps):
    """Some maps of another sequence.

    Args:
        maps: the other sequence.
        indices: into it, in the order wanted.
    """

    def __init__(self, maps: LabelMaps, indices: Sequence[int]) -> None:
        self.maps = maps
        self.indices = tuple(indices)
        self.channels = maps.channels

    def __len__(self) -> int:
        return len(self.indices)

    def labels(self, i: int) -> np.ndarray:
        """Map i as uint16 (H, W, channels)."""
        return self.maps.labels(self.indices[i])


class ArrayLabels(LabelMaps):
    """Class maps of one size in one array.

    Args:
        classes: uint8 (n, H, W).
    """

    channels = 1

    def __init__(self, classes: np.ndarray) -> None:
        self.classes = classes

    def __len__(self) -> int:
        return len(self.classes)

    def labels(self, i: int) -> np.ndarray:
        """Map i as uint16 (H, W, 1)."""
        return self.classes[i][..., None].astype(np.uint16)


def resized_labels(
    maps: LabelMaps, fingerprint: str, split: str, size: tuple[int, int], cache: Path, budget_bytes: int = BUDGET_BYTES
) -> Callable[[int], np.ndarray]:
    """A function from index to the label map at one size, from disk if that is affordable.

    Args:
        maps: the label maps.
        fingerprint: of their data set.
        split: of the data set.
        size: (width, height) in pixels.
        cache: folder for resized maps; if it cannot be written they are made anew at each call.
        budget_bytes: larger sets are made anew at each call.

    Returns:
        A function from index to uint16 (height, width, channels), not to be written to.
    """

    def make(i: int) -> np.ndarray:
        return maps.resized(i, size)

    width, height = size
    shape = (len(maps), height, width, maps.channels * 2)  # the cache holds bytes
    needed = int(np.prod(shape, dtype=np.int64))
    if needed > budget_bytes:
        log.warning(
            "label maps at %s pixels take %.1f GB, over the cache's %.1f GB: decoding at each step instead",
            size, needed / 1e9, budget_bytes / 1e9,
        )  # fmt: skip
        return make
    store = ArrayCache(cache / "resized")
    key = key_of(fingerprint, "labels", split, size)
    stored = store.read(key)
    if stored is None:
        rows = (np.ascontiguousarray(make(i), dtype="<u2").view(np.uint8) for i in range(len(maps)))
        stored = store.write(key, shape, rows)
    return make if stored is None else np.asarray(stored).view("<u2").__getitem__
