"""MUNIT's layer norm over a whole image, with the *unbiased* deviation and eps outside the root."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ImageLayerNorm(nn.Module):
    """(x - mean) / (std + eps) over channels and positions of each image, then times gamma, plus beta, per channel.

    NVlabs/MUNIT a82e222, networks.py, LayerNorm. torch's own layer norm divides by another deviation.

    Args:
        channels: C of the (batch, C, H, W) input.
        eps: added to the deviation.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def initialise(self, generator: torch.Generator | None) -> None:
        """Draw gamma from U(0, 1), as the original starts."""
        nn.init.uniform_(self.gamma, generator=generator)

    def forward(self, features: Tensor) -> Tensor:
        """Normalise (batch, C, H, W)."""
        mean = features.mean((1, 2, 3), keepdim=True)
        std = features.std((1, 2, 3), keepdim=True, correction=1)
        normed = (features - mean) / (std + self.eps)
        return normed * self.gamma[:, None, None] + self.beta[:, None, None]
