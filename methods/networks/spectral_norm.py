"""A convolution whose weight is divided by its largest singular value (Miyato et al., Spectral Normalization, ICLR 2018).

The estimate and its parameter names are those of torch's `nn.utils.spectral_norm`, which SPADE uses; its power iteration
starts from keyed random vectors instead of torch's global generator.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPS = 1e-12  # as in torch's and SPADE's normalisation of the vectors


class SpectralConv2d(nn.Module):
    """A convolution with weight W / sigma; sigma = u'Wv after one power iteration per training forward.

    v = unit(W'u), u = unit(Wv), W as (out, in * k * k); constants for the gradient, kept as buffers. In evaluation they
    stay as they are.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, bias: as of `nn.Conv2d`.
    """

    weight_u: Tensor
    weight_v: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.stride = stride
        self.padding = padding
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.weight_orig = nn.Parameter(torch.empty(out_channels, in_channels, kernel_size, kernel_size))
        self.register_buffer("weight_u", torch.empty(out_channels))
        self.register_buffer("weight_v", torch.empty(in_channels * kernel_size**2))
        self.reset(None)

    def reset(self, generator: torch.Generator | None) -> None:
        """Draw the weight as torch's convolutions do, zero the bias, and draw the vectors.

        Args:
            generator: where the numbers come from; None: torch's global generator.
        """
        nn.init.kaiming_uniform_(self.weight_orig, a=math.sqrt(5), generator=generator)
        if self.bias is not None:
            nn.init.zeros_(self.bias)
        for vector in (self.weight_u, self.weight_v):
            vector.normal_(generator=generator)
            vector.copy_(F.normalize(vector, dim=0, eps=EPS))

    def sigma(self) -> Tensor:
        """The largest singular value, estimated; iterates once in training mode."""
        matrix = self.weight_orig.flatten(1)
        if self.training:
            with torch.no_grad():
                self.weight_v.copy_(F.normalize(matrix.T @ self.weight_u, dim=0, eps=EPS))
                self.weight_u.copy_(F.normalize(matrix @ self.weight_v, dim=0, eps=EPS))
        # clones: a later forward changes the buffers before this one is back-propagated
        return self.weight_u.clone() @ (matrix @ self.weight_v.clone())

    def forward(self, features: Tensor) -> Tensor:
        """Convolve (batch, in_channels, H, W)."""
        return F.conv2d(features, self.weight_orig / self.sigma(), self.bias, self.stride, self.padding)
