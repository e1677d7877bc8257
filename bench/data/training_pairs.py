"""Training batches and test conditions of paired data: label map and image share crop and flip.

Source: NVlabs/SPADE fecacc9, data/base_dataset.py and data/pix2pix_dataset.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.base.errors import BenchError
from bench.base.randomness import Draws
from bench.data.dataset import DataSet
from bench.data.labels import LabelRule, resized_labels
from bench.data.resized_cache import resized_images
from bench.data.training_images import TrainingImages
from bench.data.transforms import to_tensor
from bench.plugin.config import UNKNOWN, MethodConfig, PairedConfig

Read = Callable[[int], np.ndarray]


def condition(labels: np.ndarray, config: PairedConfig, where: str) -> Tensor:
    """A label map as the network's condition.

    Args:
        labels: uint16 (H, W, 1 or 2), classes and perhaps instance numbers; class 255 is unknown.
        config: says which classes there are and whether instances are wanted.
        where: what an error names.

    Returns:
        float32 (1 or 2, H, W): classes 0..config.classes-1 (unknown is label_nc), and instance numbers.

    Raises:
        BenchError: for a class that the configuration does not have, or instances that the data does not have.
    """
    channels = 1 if config.no_instance else 2
    if labels.shape[-1] < channels:
        raise BenchError(f"{where}: has no instance numbers; set no_instance")
    planes = labels[..., :channels].astype(np.float32)
    unknown = labels[..., 0] == UNKNOWN
    if problem := LabelRule.of(config).problem(labels):
        raise BenchError(f"{where}: {problem}")
    planes[..., 0][unknown] = config.label_nc
    return torch.from_numpy(np.ascontiguousarray(planes.transpose(2, 0, 1)))


class TrainingPairs(TrainingImages):
    """The training batches of one run on paired data: A the condition, B the image, at the same place.

    Passes, epochs and their order are those of `TrainingImages` with one stream. Images are resized by PIL's bicubic
    filter, label maps by the nearest neighbour.

    Args:
        dataset: a paired data set; training pairs come from its split `train`.
        streams: A and B.
        config: length, batch, sizes and classes.
        draws: gives seed and rank; its own step is left alone.
        cache: folder for resized images and label maps.
        device: where batches go.

    Raises:
        BenchError: if the data set is not paired, an epoch is shorter than a batch, or crops are larger than images.
    """

    def __init__(
        self,
        dataset: DataSet,
        streams: tuple[str, ...],
        config: MethodConfig,
        draws: Draws,
        cache: Path,
        device: torch.device | str,
    ) -> None:
        if not isinstance(config, PairedConfig) or streams != ("A", "B"):
            raise BenchError("a method for paired synthesis needs a PairedConfig and the streams A and B")
        super().__init__(dataset, ("B",), config, draws, cache, device)
        maps = dataset.labels("train")
        self.paired: PairedConfig = config
        self._where = f"data set {dataset.name}"
        self._readers: Callable[[tuple[int, int]], tuple[Read, Read]] = lru_cache(maxsize=None)(
            lambda size: (
                resized_labels(maps, dataset.fingerprint(), "train", size, cache),
                resized_images(dataset, "train", "B", size, cache),
            )
        )

    def batch(self, step: int) -> dict[str, Tensor]:
        """The batch of a 0-based step: A float32 (batch, 1 or 2, H, W), B float32 (batch, 3, H, W) in [-1, 1]."""
        width, height = self.paired.size(self._side(step))
        crop_width, crop_height = self.paired.size(self.config.crop_size)
        read_labels, read_image = self._readers((width, height))
        draws = self._draws.at(step)
        ids = self._ids(draws)["B"].tolist()
        room = (height - crop_height + 1, width - crop_width + 1)
        corners = draws.stream("data.pair.crop").integers(room, size=(len(ids), 2)).tolist()
        flips = draws.stream("data.pair.flip").random(len(ids)) < 0.5
        conditions, images = [], []
        for i, (y, x), flip in zip(ids, corners, flips & self.config.flip, strict=True):
            place = (slice(y, y + crop_height), slice(x, x + crop_width))
            labels, pixels = read_labels(i)[place], read_image(i)[place]
            if flip:
                labels, pixels = labels[:, ::-1], pixels[:, ::-1]
            conditions.append(condition(labels, self.paired, self._where))
            images.append(pixels)
        tensors = {"A": torch.stack(conditions), "B": to_tensor(np.stack(images))}
        return {stream: tensor.to(self.device, non_blocking=True) for stream, tensor in tensors.items()}


def evaluation_conditions(
    dataset: DataSet, split: str, indices: Sequence[int], config: PairedConfig
) -> Iterator[Tensor]:
    """Conditions in the order given, with test preprocessing: resized to the output's size, no crop, no flip.

    Args:
        dataset: a paired data set.
        split: test or validation.
        indices: into the split.
        config: sizes and classes.

    Yields:
        float32 (1 or 2, H, W).
    """
    maps = dataset.labels(split)
    for i in indices:
        yield condition(maps.resized(i, config.size(config.crop_size)), config, f"data set {dataset.name}")
