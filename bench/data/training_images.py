"""Training batches as a pure function of (seed, step), and evaluation images in serial order.

No worker processes and no state: batch(step) draws everything from streams keyed by the step, so resuming needs nothing
but the step's number, and two methods with one seed see the same images, crops and flips.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.base.errors import BenchError
from bench.base.randomness import Draws
from bench.data.dataset import DataSet
from bench.data.images import ImageSet
from bench.data.resized_cache import resized_images
from bench.data.transforms import round_sides, test_transform, to_tensor
from bench.plugin.config import MethodConfig


class TrainingBatches(ABC):
    """The training batches of one run; a subclass says what is in them.

    An epoch is `images_per_epoch` items, or else as many as the subclass says, cut off to whole batches.

    Args:
        config: length, batch and jitter.
        draws: gives seed and rank; its own step is left alone.
        items: in an epoch, where the configuration does not say.
        device: where batches go.

    Attributes:
        steps_per_epoch, total_steps: of the run.

    Raises:
        BenchError: for an epoch shorter than a batch, or crops larger than the images.
    """

    def __init__(self, config: MethodConfig, draws: Draws, items: int, device: torch.device | str) -> None:
        if config.load_size < config.crop_size:
            raise BenchError(f"load_size {config.load_size} is less than crop_size {config.crop_size}; raise load_size")
        self.config = config
        self.device = torch.device(device)
        self._draws = Draws(draws.seed, draws.rank)
        per_epoch = config.images_per_epoch or items
        self.steps_per_epoch = per_epoch // config.batch_size
        if self.steps_per_epoch == 0:
            raise BenchError(f"an epoch of {per_epoch} images is shorter than batch_size {config.batch_size}; lower it")
        self.total_steps = self.steps_per_epoch * config.total_epochs

    def epoch(self, step: int) -> int:
        """The 1-based epoch that a 0-based step belongs to."""
        return step // self.steps_per_epoch + 1

    @abstractmethod
    def batch(self, step: int) -> dict[str, Tensor]:
        """The batch of a 0-based step, by entry, on the device."""

    def _side(self, step: int) -> int:
        """The side that images are resized to before cropping."""
        fine_tuning = self.config.jitter_off_in_decay and self.epoch(step) > self.config.n_epochs
        return self.config.crop_size if fine_tuning else self.config.load_size

    def _cropped(self, draws: Draws, entry: str, resized: Sequence[np.ndarray], side: int) -> Tensor:
        """Crop and flip the images of a batch entry, each as drawn for it.

        Args:
            draws: of the step.
            entry: names the draws.
            resized: uint8 (side, side, 3) each.
            side: in pixels.

        Returns:
            float32 (images, 3, crop, crop) in [-1, 1] on the device.
        """
        crop = self.config.crop_size
        corners = draws.stream(f"data.{entry}.crop").integers(side - crop + 1, size=(len(resized), 2))
        flips = draws.stream(f"data.{entry}.flip").random(len(resized)) < 0.5
        crops = [
            round_sides(pixels[y : y + crop, x : x + crop])
            for pixels, (y, x) in zip(resized, corners.tolist(), strict=True)
        ]
        images = to_tensor(np.stack(crops))
        for k in np.flatnonzero(flips & self.config.flip).tolist():
            images[k] = images[k].flip(-1)
        return images.to(self.device, non_blocking=True)


class TrainingImages(TrainingBatches):
    """The training batches of one run, as CUT's code base makes them.

    An item is one image of each stream. With L = max(|A|, |B|), a pass is a random permutation of 0..L-1; the item at
    entry k takes image k mod |A| of the data set's ordered stream and, of every other stream, an image drawn uniformly
    with replacement. The ordered stream is that of folder A, also where the model swaps the two (direction BtoA):
    the loader does not know the direction. Resize, crop and flip are drawn for each stream on its own.

    If `images_per_epoch` is None an epoch is one pass, cut off to whole batches. Otherwise an epoch is that many items,
    cut off to whole batches, and passes run on across epochs, so that every image of the ordered stream is visited
    however short the epochs are.

    A stream `B.NAME` holds more images of B, drawn independently of the stream B.

    Source: taesungp/contrastive-unpaired-translation b3ac297, data/unaligned_dataset.py and data/base_dataset.py.

    Args:
        dataset: training images come from its split `train`.
        streams: what a batch holds: the data set's streams, and `STREAM.NAME` for more of one.
        config: length, batch and jitter.
        draws: gives seed and rank; its own step is left alone.
        cache: folder for resized images.
        device: where batches go.

    Raises:
        BenchError: for a stream the data set lacks, an epoch shorter than a batch, or crops larger than the images.
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
        domains = {stream: stream.partition(".")[0] for stream in streams}
        self._sizes = {stream: len(dataset.images("train", domain)) for stream, domain in domains.items()}
        self._read: Callable[[str, int], Callable[[int], np.ndarray]] = lru_cache(maxsize=None)(
            lambda stream, size: resized_images(dataset, "train", domains[stream], size, cache)
        )
        self._ordered = dataset.ordered if dataset.ordered in self._sizes else next(iter(self._sizes))
        longest = max(self._sizes.values())
        super().__init__(config, draws, longest, device)
        self._permuted = longest
        self._pass_length = longest if config.images_per_epoch else self.steps_per_epoch * config.batch_size
        self._order = lru_cache(maxsize=2)(self._draw_order)

    def batch(self, step: int) -> dict[str, Tensor]:
        """The batch of a 0-based step: per stream float32 (batch, 3, crop, crop) in [-1, 1] on the device."""
        side = self._side(step)
        draws = self._draws.at(step)
        return {
            stream: self._cropped(draws, stream, [self._read(stream, side)(i) for i in ids.tolist()], side)
            for stream, ids in self._ids(draws).items()
        }

    def _ids(self, draws: Draws) -> dict[str, np.ndarray]:
        """Which image of each stream the items of a step take; `draws` are that step's."""
        batch = self.config.batch_size
        items = range(draws.step * batch, (draws.step + 1) * batch)
        entries = np.array([self._order(item // self._pass_length)[item % self._pass_length] for item in items])
        return {
            stream: entries % size
            if stream == self._ordered
            else draws.stream(f"data.{stream}").integers(size, size=batch)
            for stream, size in self._sizes.items()
        }

    def _draw_order(self, number: int) -> np.ndarray:
        """The permutation of a pass."""
        return self._draws.at(number).permutation("data.order", self._permuted).numpy()


def evaluation_images(images: ImageSet, crop_size: int) -> Iterator[tuple[str, Tensor]]:
    """Every image once, in the set's order, with test preprocessing.

    Args:
        images: any image set.
        crop_size: side in pixels.

    Yields:
        Its name and a float32 tensor (3, H, W) in [-1, 1].
    """
    for i, name in enumerate(images.names):
        yield name, test_transform(images.image(i), crop_size)
