"""The PatchGAN discriminator (Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", 2017).

CUT: taesungp/contrastive-unpaired-translation b3ac297, models/networks.py, NLayerDiscriminator; 2,764,737 parameters
with 64 filters, anti-aliased (receptive field 84) or strided (70).
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from methods.networks.blur import BlurDownsample
from methods.networks.instance_norm import AffineInstanceNorm, InstanceNorm


class PatchGAN(nn.Module):
    """Judge overlapping patches: (batch, 3, H, W) to (batch, 1, H/8 - 2, W/8 - 2) scores, no sigmoid.

    Args:
        input_nc: channels of the image.
        ndf: filters of the first convolution; doubled by each further one up to 8 times.
        n_layers: how many times the resolution is halved.
        antialias: CUT's resampling (stride-1 convolution, then blur) instead of strided convolutions.
        affine: norms that learn a weight and a bias (CycleGAN in its first weeks, DistanceGAN); 2,766,529 parameters.
    """

    def __init__(
        self, input_nc: int = 3, ndf: int = 64, n_layers: int = 3, antialias: bool = True, affine: bool = False
    ) -> None:
        super().__init__()
        widths = [input_nc, *(ndf * min(2**n, 8) for n in range(n_layers + 1))]
        layers: list[nn.Module] = []
        for index, (before, after) in enumerate(pairwise(widths)):
            halves = index < n_layers
            layers.append(nn.Conv2d(before, after, 4, stride=2 if halves and not antialias else 1, padding=1))
            if index > 0:
                layers.append(AffineInstanceNorm(after) if affine else InstanceNorm(after))
            layers.append(nn.LeakyReLU(0.2))
            if halves and antialias:
                layers.append(BlurDownsample(after))
        layers.append(nn.Conv2d(widths[-1], 1, 4, padding=1))
        self.model = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Score the patches of (batch, input_nc, H, W)."""
        return self.model(images)
