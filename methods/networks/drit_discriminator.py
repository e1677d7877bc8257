"""DRIT's discriminator of contents, and its discriminator of images at one scale.

HsinYingLee/DRIT f19f50a, networks.py, Dis_content (10,683,649 parameters with 256 channels) and Dis. None of them has
norms: the program's layer compares a quoted word instead of its own argument. Of several scales: reflect_discriminator.py.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from methods.networks.spectral_norm import SpectralConv2d

Convolution = type[nn.Conv2d | SpectralConv2d]


def _halving(before: int, after: int, kernel: int, conv: Convolution = nn.Conv2d) -> list[nn.Module]:
    return [nn.ReflectionPad2d(1), conv(before, after, kernel, stride=2), nn.LeakyReLU(0.01)]


def draw_spectral(layer: SpectralConv2d, generator: torch.Generator) -> None:
    """Draw a layer with spectral norm as those without: weights from N(0, 0.02), the bias as torch makes it.

    Args:
        layer: with a bias; changed in place.
        generator: on the CPU.
    """
    assert layer.bias is not None  # all of DRIT's have one
    layer.reset(generator)
    nn.init.normal_(layer.weight_orig, 0.0, 0.02, generator=generator)
    bound = layer.weight_orig[0].numel() ** -0.5
    nn.init.uniform_(layer.bias, -bound, bound, generator=generator)


class ContentDiscriminator(nn.Module):
    """Tell which domain a content map is of: strided 7x7 convolutions, one of 4x4 and one of 1x1.

    Args:
        channels: of content and of all layers.
        n_layers: strided convolutions; 3 in the original, whose maps must have 53 positions a side or more.
    """

    def __init__(self, channels: int = 256, n_layers: int = 3) -> None:
        super().__init__()
        strided = [layer for _ in range(n_layers) for layer in _halving(channels, channels, 7)]
        last = nn.Conv2d(channels, channels, 4)
        self.model = nn.Sequential(*strided, last, nn.LeakyReLU(0.01), nn.Conv2d(channels, 1, 1))

    def forward(self, content: Tensor) -> Tensor:
        """Map (batch, C, h, w) to scores (batch, ...), flattened; no sigmoid."""
        return self.model(content).flatten()

    @staticmethod
    def least_side(n_layers: int) -> int:
        """The smallest side of a content map: 4, 11, 25, 53 for 0 to 3 layers, all of whose positions are used."""
        side = 4
        for _ in range(n_layers):
            side = 2 * (side - 1) + 5
        return side


class SingleScaleDiscriminator(nn.Module):
    """Judge images at one scale (`dis_scale` 1): six strided 3x3 convolutions and one of 1x1.

    Args:
        dim: filters of the first convolution; doubled by each further one.
        n_layers: strided convolutions.
        spectral: every convolution with spectral norm.
    """

    def __init__(self, dim: int = 64, n_layers: int = 6, spectral: bool = False) -> None:
        super().__init__()
        conv: Convolution = SpectralConv2d if spectral else nn.Conv2d
        layers = _halving(3, dim, 3, conv)
        for width in (dim * 2**n for n in range(n_layers - 1)):
            layers += _halving(width, 2 * width, 3, conv)
        self.model = nn.Sequential(*layers, conv(dim * 2 ** (n_layers - 1), 1, 1))

    def forward(self, images: Tensor) -> list[Tensor]:
        """The scores of (batch, 3, H, W), flattened, in a list of one; no sigmoid."""
        return [self.model(images).flatten()]
