"""StarGAN v2's discriminator: for each domain, whether an image is a real one of it.

Choi et al., CVPR 2020; clovaai/stargan-v2 875b70a, core/model.py, Discriminator. 20,852,290 parameters at 256 pixels
for two domains.
"""

from __future__ import annotations

from torch import Tensor, nn

from methods.networks.domain_heads import of_domain
from methods.networks.stargan_blocks import halvings, widths
from methods.networks.stargan_style_encoder import trunk


class StarGANDiscriminator(nn.Module):
    """The style encoder's trunk, then a logit for each domain.

    Args:
        side: of images, a power of two from 8.
        num_domains: how many.
        base: channels at the image's own size.
        cap: most channels.
    """

    def __init__(self, side: int = 256, num_domains: int = 2, base: int = 64, cap: int = 512) -> None:
        super().__init__()
        width = widths(base, cap, halvings(side))[-1]
        self.main = nn.Sequential(*trunk(side, base, cap), nn.Conv2d(width, num_domains, 1))

    def forward(self, images: Tensor, domain: Tensor) -> Tensor:
        """Map (batch, 3, side, side) and domains, int64 (batch,), to logits (batch,)."""
        return of_domain(self.main(images).flatten(1), domain)
