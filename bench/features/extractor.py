"""The base class of evaluation networks: images in, one row of features per image out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.base.errors import BenchError

if TYPE_CHECKING:
    from torch import Tensor, nn


class Extractor(ABC):
    """A fixed network with official weights. Its numbers never change while `id` stays the same.

    Attributes:
        id: name@revision; raised whenever a change can move a feature.
        dimension: features per image.
        source: who made network and weights, their licence, and which file.
        preprocessing: how pixels become the network's input, in words; part of the cache key.
        batch_size, cuda_batch_size: images per forward pass; every pass has exactly this many (see `features`).
    """

    id: ClassVar[str]
    dimension: ClassVar[int]
    source: ClassVar[str]
    preprocessing: ClassVar[str]
    batch_size: ClassVar[int]
    cuda_batch_size: ClassVar[int] = 64  # small batches leave a card idle

    def __init__(self, weights: Path | None = None, device: str = "cpu") -> None:
        """Remember where to look; nothing is read before `check` or `features`.

        Args:
            weights: folder searched first for weight files that the user must supply.
            device: torch device of the forward passes.
        """
        self.weights = weights
        self.device = device

    @property
    def device_type(self) -> str:
        """The device without its number; features of different types differ in their last digits."""
        return self.device.partition(":")[0]

    @property
    def images_per_pass(self) -> int:
        """The size of every batch on this device."""
        return self.batch_size if self.device_type == "cpu" else self.cuda_batch_size

    @abstractmethod
    def check(self) -> None:
        """Make sure that the official weights are here, without loading the network.

        Raises:
            NotAvailable: if they are absent or not the official file; the message says how to get them.
        """

    @abstractmethod
    def network(self) -> nn.Module:
        """Build the network with its weights: (batch, 3, H, W) preprocessed images -> (batch, dimension).

        Raises:
            NotAvailable: as `check`.
        """

    @abstractmethod
    def preprocess(self, pixels: np.ndarray) -> Tensor:
        """Turn one image, uint8 (H, W, 3) RGB, into the network's input, float32 (3, side, side)."""

    def features(self, images: Iterable[np.ndarray]) -> np.ndarray:
        """Extract features.

        The last batch is filled up with copies, so that an image's features depend on the image only: matrix
        libraries choose their algorithm, and so the last digits, by the size of the batch.

        Args:
            images: uint8 arrays (H, W, 3), RGB; sizes may differ.

        Returns:
            float32 (number of images, dimension), rows in the order of `images`.

        Raises:
            NotAvailable: if the weights are absent.
            BenchError: if an image has another type or shape, or the features are not finite.
        """
        import torch

        size = self.images_per_pass
        network = self.network().eval().to(self.device).to(memory_format=torch.channels_last)
        rows = [np.empty((0, self.dimension), np.float32)]
        # TF32 would move the third digit of the features on recent GPUs
        exact = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
        with torch.inference_mode(), exact:
            for batch in _batches(images, size):
                inputs = [self.preprocess(_checked(pixels)) for pixels in batch]
                inputs += [inputs[-1]] * (size - len(batch))
                stacked = torch.stack(inputs).to(self.device).contiguous(memory_format=torch.channels_last)
                rows.append(network(stacked)[: len(batch)].float().cpu().numpy())
        result = np.concatenate(rows)
        if not np.isfinite(result).all():
            raise BenchError(f"{self.id} gave features that are not finite; its weight file or the images are damaged")
        return result


def _batches(images: Iterable[np.ndarray], size: int) -> Iterator[list[np.ndarray]]:
    iterator = iter(images)
    while batch := list(islice(iterator, size)):
        yield batch


def _checked(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise BenchError(
            f"an image to score is {pixels.dtype} {pixels.shape}; it must be uint8 (height, width, 3), RGB"
        )
    return pixels
