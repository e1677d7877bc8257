"""StarGAN v2's style encoder: an image and its domain to a style.

Choi et al., CVPR 2020; clovaai/stargan-v2 875b70a, core/model.py, StyleEncoder. 20,916,928 parameters at 256 pixels for
two domains.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from methods.networks.domain_heads import of_domain
from methods.networks.stargan_blocks import SLOPE, ResidualBlock, halvings, widths


class StarGANStyleEncoder(nn.Module):
    """Residual blocks without norms down to 4 pixels, a 4x4 convolution, a linear map for each domain.

    Args:
        side: of images, a power of two from 8.
        style_dim: numbers of a style.
        num_domains: how many.
        base: channels at the image's own size.
        cap: most channels.
    """

    def __init__(
        self, side: int = 256, style_dim: int = 64, num_domains: int = 2, base: int = 64, cap: int = 512
    ) -> None:
        super().__init__()
        self.shared = nn.Sequential(*trunk(side, base, cap))
        width = widths(base, cap, halvings(side))[-1]
        self.unshared = nn.ModuleList(nn.Linear(width, style_dim) for _ in range(num_domains))

    def forward(self, images: Tensor, domain: Tensor) -> Tensor:
        """Map (batch, 3, side, side) and domains, int64 (batch,), to styles (batch, style_dim)."""
        hidden = self.shared(images).flatten(1)
        return of_domain([head(hidden) for head in self.unshared], domain)


def trunk(side: int, base: int, cap: int) -> list[nn.Module]:
    """What style encoder and discriminator have in common: from (batch, 3, side, side) to (batch, C, 1, 1)."""
    channels = widths(base, cap, halvings(side))
    blocks = [ResidualBlock(before, after, downsample=True) for before, after in pairwise(channels)]
    return [
        nn.Conv2d(3, base, 3, padding=1),
        *blocks,
        nn.LeakyReLU(SLOPE),
        nn.Conv2d(channels[-1], channels[-1], 4),
        nn.LeakyReLU(SLOPE),
    ]
