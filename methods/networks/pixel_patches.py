"""Pixels as a feature space: overlapping square patches, each flattened to one vector.

Source: Andonian et al. 2021, supplement 1.1; sizes 4, 8, 16, 32 there, 4, 8, 16 in the released code.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F


class PixelPatches(nn.Module):
    """Patches of each size, half a patch apart, without padding.

    Args:
        sizes: sides in pixels.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.channels = tuple(3 * size**2 for size in sizes)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Per size (batch, 3 * size * size, rows, columns), channels ordered (colour, row, column)."""
        maps = []
        for size in self.sizes:
            stride = size // 2
            rows, columns = ((side - size) // stride + 1 for side in images.shape[2:])
            maps.append(F.unfold(images, size, stride=stride).unflatten(2, (rows, columns)))
        return maps
