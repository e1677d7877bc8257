"""The discriminator of single-image translation: StyleGAN2's, without the minibatch standard deviation.

taesungp/contrastive-unpaired-translation b3ac297, models/stylegan_networks.py (StyleGAN2Discriminator); 5,885,473
parameters with ndf 8 and crops of 64 pixels.
"""

from __future__ import annotations

import itertools
from math import log2, sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.networks.activated_convolution import ActivatedConv2d, ResidualBlock
from methods.networks.equalised import fan_in, lrelu

MAX_CHANNELS = 384


def discriminator_channels(side: int, ndf: float) -> int:
    """Feature maps at a resolution: 16384 / side of ndf 64, at most 384 from 32 pixels down."""
    count = int(16384 // side * ndf / 64)
    return min(MAX_CHANNELS, count) if side <= 32 else count


class _Linear(nn.Module):
    """Equalised: x weight^T / sqrt(in) + bias."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight / sqrt(fan_in(self.weight)), self.bias)


class SingleImageDiscriminator(nn.Module):
    """Crops to one unbounded score each.

    Args:
        ndf: width; 8 gives 32 features at 64 pixels.
        side: of the crops, a power of two.
    """

    def __init__(self, ndf: float = 8, side: int = 64) -> None:
        super().__init__()
        widths = [discriminator_channels(2**k, ndf) for k in range(int(log2(side)), 1, -1)]
        self.stem = ActivatedConv2d(3, widths[0], 1)
        self.blocks = nn.Sequential(
            *(ResidualBlock(before, after, down=True) for before, after in itertools.pairwise(widths))
        )
        self.conv = ActivatedConv2d(widths[-1], widths[-1], 3)
        self.fc = _Linear(widths[-1] * 16, widths[-1])
        self.out = _Linear(widths[-1], 1)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, 3, side, side) to (batch, 1)."""
        x = self.conv(self.blocks(self.stem(images)))
        return self.out(lrelu(self.fc(x.flatten(1))))
