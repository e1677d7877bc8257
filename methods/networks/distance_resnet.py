"""The generator of DistanceGAN: CycleGAN's as it was in April 2017, with zero padding and norms that learn.

Source: sagiebenaim/DistanceGAN f827205, models/networks.py, ResnetGenerator; 11,388,675 parameters with 64 filters and
9 blocks.
"""

from __future__ import annotations

from torch import Tensor, nn

from methods.networks.instance_norm import AffineInstanceNorm


class ZeroPaddedBlock(nn.Module):
    """x + f(x), f of two zero-padded 3x3 convolutions with norms; no activation after the sum.

    Args:
        channels: of input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            AffineInstanceNorm(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            AffineInstanceNorm(channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map (batch, C, H, W) to the same shape."""
        return features + self.conv_block(features)


class DistanceResnet(nn.Module):
    """Two strided halvings, residual blocks, two strided doublings; every convolution is zero-padded and has a bias.

    Args:
        ngf: filters of the first convolution.
        n_blocks: residual blocks.
    """

    def __init__(self, ngf: int = 64, n_blocks: int = 9) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, ngf, 7, padding=3), AffineInstanceNorm(ngf), nn.ReLU()]
        for width in (ngf, 2 * ngf):
            halving = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
            layers += [halving, AffineInstanceNorm(2 * width), nn.ReLU()]
        layers += [ZeroPaddedBlock(4 * ngf) for _ in range(n_blocks)]
        for width in (4 * ngf, 2 * ngf):
            doubling = nn.ConvTranspose2d(width, width // 2, 3, stride=2, padding=1, output_padding=1)
            layers += [doubling, AffineInstanceNorm(width // 2), nn.ReLU()]
        layers += [nn.Conv2d(ngf, 3, 7, padding=3), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Map (batch, 3, H, W) to the same shape, in [-1, 1]; H and W multiples of 4."""
        return self.model(images)
