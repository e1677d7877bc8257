"""StarGAN v2's high-pass filter, through which parts of a face reach the decoder (clovaai/stargan-v2 875b70a)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class HighPass(nn.Module):
    """Eight times each pixel less its eight neighbours, divided by a weight; zeros outside; no parameters.

    Args:
        w_hpf: the divisor.
    """

    kernel: Tensor

    def __init__(self, w_hpf: float) -> None:
        super().__init__()
        kernel = torch.full((3, 3), -1.0)
        kernel[1, 1] = 8.0
        self.register_buffer("kernel", kernel / w_hpf, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Map (batch, C, H, W) to the same shape, each channel on its own."""
        channels = features.shape[1]
        kernel = self.kernel.to(features.dtype).expand(channels, 1, 3, 3)
        return F.conv2d(features, kernel, padding=1, groups=channels)
