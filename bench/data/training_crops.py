"""Training batches of two pictures: crops of each, after both its sides were shrunk at random.

Source: taesungp/contrastive-unpaired-translation b3ac297, data/singleimage_dataset.py and data/base_dataset.py.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from bench.base.errors import BenchError
from bench.base.randomness import Draws
from bench.data.dataset import DataSet
from bench.data.training_images import TrainingBatches
from bench.data.transforms import to_tensor
from bench.plugin.config import MethodConfig, SingleImageConfig

CROPS = 100_000  # in an epoch, where the configuration does not say


class TrainingCrops(TrainingBatches):
    """The training batches of one run on two pictures, as CUT's code base makes them.

    In each step each picture is resized, bilinearly, by one factor for its width and another for its height, both
    uniform between 1 / random_scale_max and 1, but not below crop_size; the crops of a batch share that. They are cells
    of a grid whose offset is drawn for each crop: cell k modulo the number of cells, where k runs through a
    permutation of 0..(crops of an epoch - 1), drawn anew for each epoch. Each crop is mirrored with probability one half.

    Args:
        dataset: one image in each of its streams A and B of the split `train`.
        config: length, batch, size of crops and factor.
        draws: gives seed and rank; its own step is left alone.
        device: where batches go.

    Raises:
        BenchError: if there is not one picture in each stream, or the method does not learn from crops.
    """

    def __init__(self, dataset: DataSet, config: MethodConfig, draws: Draws, device: torch.device | str) -> None:
        if not isinstance(config, SingleImageConfig):
            raise BenchError("a method for single images needs a SingleImageConfig; derive its Config from it")
        super().__init__(config, draws, CROPS, device)
        self.single: SingleImageConfig = config
        self._pictures: dict[str, Image.Image] = {}
        for stream in dataset.streams:
            images = dataset.images("train", stream)
            if len(images) != 1:
                raise BenchError(
                    f"data set {dataset.name}: {len(images)} images in {stream}; a single one is learnt from"
                )
            self._pictures[stream] = images.image(0)
        self._order = lru_cache(maxsize=2 * len(self._pictures))(self._draw_order)

    def batch(self, step: int) -> dict[str, Tensor]:
        """The batch of a 0-based step: per stream float32 (batch, 3, crop, crop) in [-1, 1] on the device."""
        draws = self._draws.at(step)
        return {stream: self._crops(draws, stream) for stream in self._pictures}

    def _crops(self, draws: Draws, stream: str) -> Tensor:
        batch, side = self.config.batch_size, self.config.crop_size
        zoomed = self._zoomed(draws, stream)
        height, width = zoomed.shape[:2]
        rows, columns = height // side, width // side
        offsets = draws.stream(f"data.{stream}.crop").integers(
            (width - columns * side + 1, height - rows * side + 1), size=(batch, 2)
        )
        flips = draws.stream(f"data.{stream}.flip").random(batch) < 0.5
        crops = []
        for k, (x, y), flip in zip(self._cells(draws.step, stream), offsets.tolist(), flips, strict=True):
            column, row = divmod(k % (rows * columns), rows)
            x, y = x + column * side, y + row * side
            crop = zoomed[y : y + side, x : x + side]
            crops.append(crop[:, ::-1] if flip and self.config.flip else crop)
        return to_tensor(np.stack(crops)).to(self.device, non_blocking=True)

    def _zoomed(self, draws: Draws, stream: str) -> np.ndarray:
        """The picture at the size of this step: uint8 (height, width, 3)."""
        picture = self._pictures[stream]
        factors = draws.stream(f"data.{stream}.zoom").uniform(1 / self.single.random_scale_max, 1, size=2)
        width, height = (
            round(max(self.config.crop_size, side * factor))
            for side, factor in zip(picture.size, factors.tolist(), strict=True)
        )
        return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))

    def _cells(self, step: int, stream: str) -> list[int]:
        """What says which cells the crops of a step are."""
        batch = self.config.batch_size
        epoch, place = divmod(step, self.steps_per_epoch)
        return self._order(epoch, stream)[place * batch : (place + 1) * batch].tolist()

    def _draw_order(self, epoch: int, stream: str) -> np.ndarray:
        """The permutation of an epoch, cut off to whole batches."""
        count = self.steps_per_epoch * self.config.batch_size
        return self._draws.at(epoch).permutation(f"data.{stream}.order", count).numpy()
