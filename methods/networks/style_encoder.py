"""MUNIT's style encoder, which DRIT uses as well where it does not append attributes (Huang et al., ECCV 2018)."""

from __future__ import annotations

from torch import Tensor, nn


class StyleEncoder(nn.Module):
    """An image's style: strided convolutions without norms, the mean over positions, a linear map.

    NVlabs/MUNIT a82e222, networks.py, StyleEncoder; 2,764,936 parameters with 64 filters and a style of 8 numbers.

    Args:
        dim: filters of the first convolution; doubled twice.
        style_dim: numbers of a style.
    """

    def __init__(self, dim: int = 64, style_dim: int = 8) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, dim, 7), nn.ReLU()]
        for before, after in ((dim, 2 * dim), (2 * dim, 4 * dim), (4 * dim, 4 * dim), (4 * dim, 4 * dim)):
            layers += [nn.ReflectionPad2d(1), nn.Conv2d(before, after, 4, stride=2), nn.ReLU()]
        layers += [nn.AdaptiveAvgPool2d(1), nn.Conv2d(4 * dim, style_dim, 1)]
        self.model = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Map (batch, 3, H, W) to styles (batch, style_dim, 1, 1)."""
        return self.model(images)
