"""DRIT's content encoder of both domains: what they share ends in layers that they share.

Lee, Tseng, Mao, Huang, Lu, Singh, Yang, "DRIT++: Diverse Image-to-Image Translation via Disentangled Representations",
IJCV 2020; HsinYingLee/DRIT f19f50a, networks.py, E_content: 9,018,112 parameters with 64 filters.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from methods.networks.instance_norm import InstanceNorm
from methods.networks.resnet_generator import ResnetBlock

Domain = Literal["a", "b"]
HALVINGS = 2


def content_size(height: int, width: int) -> tuple[int, int]:
    """Height and width of the content map of an image; each halving rounds up."""
    for _ in range(HALVINGS):
        height, width = (height + 1) // 2, (width + 1) // 2
    return height, width


class DRITContentEncoder(nn.Module):
    """A stem per domain, then one residual block for both.

    The first convolution has no norm: the program's layer compares a quoted word instead of its own argument.

    Args:
        dim: filters of the first convolution.
        n_res: residual blocks of each domain.
    """

    def __init__(self, dim: int = 64, n_res: int = 3) -> None:
        super().__init__()
        self.share = ResnetBlock(4 * dim)  # registered first, as in the original
        self.stems = nn.ModuleDict({domain: _stem(dim, n_res) for domain in ("a", "b")})

    def forward(self, images: Tensor, domain: Domain, noise: Tensor | None = None) -> Tensor:
        """Map (batch, 3, H, W) of a domain to (batch, 4 dim, H/4, W/4).

        Args:
            images: of one domain.
            domain: which.
            noise: N(0, 1) of the output's shape, added while training; None: without.
        """
        content = self.share(self.stems[domain](images))
        return content if noise is None else content + noise


def _stem(dim: int, n_res: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, dim, 7), nn.LeakyReLU(0.01)]
    for width in (dim, 2 * dim):
        halving = nn.Conv2d(width, 2 * width, 3, stride=2)
        layers += [nn.ReflectionPad2d(1), halving, InstanceNorm(2 * width), nn.ReLU()]
    return nn.Sequential(*layers, *(ResnetBlock(4 * dim) for _ in range(n_res)))
