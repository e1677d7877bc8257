"""Anti-aliased resampling by blurring (Zhang, "Making Convolutional Networks Shift-Invariant Again", 2019).

The filters are buffers called `filt`, shaped as in CUT's code, so that official checkpoints load; they are not trained.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.networks.padding import pad


def _depthwise_filter(taps: list[float], channels: int, gain: float) -> Tensor:
    """The outer product of `taps` with itself, with sum `gain`, once per channel: (channels, 1, k, k)."""
    row = torch.tensor(taps)
    kernel = torch.outer(row, row)
    return (kernel * (gain / kernel.sum())).expand(channels, 1, -1, -1).clone()


class BlurDownsample(nn.Module):
    """Halve the resolution: reflect-pad by 1, then [1, 2, 1] x [1, 2, 1] / 16 with stride 2.

    Args:
        channels: C of the (batch, C, H, W) input.
    """

    filt: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("filt", _depthwise_filter([1.0, 2.0, 1.0], channels, gain=1.0))

    def forward(self, features: Tensor) -> Tensor:
        """Map (batch, C, H, W) to (batch, C, ceil(H/2), ceil(W/2))."""
        padded = pad(features, 1, "reflect")
        return F.conv2d(padded, self.filt, stride=2, groups=features.shape[1])


class BlurUpsample(nn.Module):
    """Double the resolution: transposed [1, 3, 3, 1] x [1, 3, 3, 1] / 16 with stride 2 and replicated borders.

    Equal to bilinear interpolation with align_corners=False; on a CPU two to four times as fast as that at 64-pixel
    images, and a third slower at 256, where it is one percent of a training step.

    Args:
        channels: C of the (batch, C, H, W) input.
    """

    filt: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        # stride^2: each output pixel sees a quarter of the taps
        self.register_buffer("filt", _depthwise_filter([1.0, 3.0, 3.0, 1.0], channels, gain=4.0))

    def forward(self, features: Tensor) -> Tensor:
        """Map (batch, C, H, W) to (batch, C, 2H, 2W)."""
        padded = pad(features, 1, "replicate")
        # padding 3 drops the two border pixels a side that only the replicated border would make
        return F.conv_transpose2d(padded, self.filt, stride=2, padding=3, groups=features.shape[1])
