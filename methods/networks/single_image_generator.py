"""The generator of single-image translation: StyleGAN2's blocks, no normalisation, no style, an output without bounds.

taesungp/contrastive-unpaired-translation b3ac297, models/stylegan_networks.py (StyleGAN2Encoder, StyleGAN2Decoder);
3,068,404 parameters with ngf 10 and crops of 64 pixels.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from bench.base.errors import UsageError
from methods.networks.activated_convolution import ActivatedConv2d, NoisyUpsampling, ResidualBlock

MAX_CHANNELS = 512


def generator_channels(side: int, ngf: float) -> int:
    """Feature maps at a resolution: 16384 / side of ngf 32, at most 512 from 32 pixels down."""
    count = round(16384 / side * ngf / 32)
    return min(MAX_CHANNELS, count) if side <= 32 else count


class SingleImageGenerator(nn.Module):
    """Colours to features, halvings, residual blocks, doublings with noise, features to colours.

    Args:
        ngf: width; 10 gives 80 features at 64 pixels and 160 at 32.
        side: of training crops, a power of two, which decides the widths; images of other sizes pass too.
        n_blocks: residual blocks, half of them before and half after the middle.
        halvings: of the resolution.
    """

    def __init__(self, ngf: float = 10, side: int = 64, n_blocks: int = 6, halvings: int = 1) -> None:
        super().__init__()
        widths = [generator_channels(side // 2**k, ngf) for k in range(halvings + 1)]
        middle = n_blocks // 2
        # modules have the original's indices, which are what `nce_layers` counts: 0 is the image itself
        self.encoder = nn.Sequential(nn.Identity(), ActivatedConv2d(3, widths[0], 1))
        for before, after in itertools.pairwise(widths):
            self.encoder.append(ResidualBlock(before, after, down=True))
        self.encoder.extend(ResidualBlock(widths[-1], widths[-1], down=False) for _ in range(middle))
        self.decoder = nn.Sequential(*(ResidualBlock(widths[-1], widths[-1], down=False) for _ in range(middle)))
        self.upsamplings = nn.ModuleList(
            NoisyUpsampling(before, after) for before, after in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.last = ActivatedConv2d(widths[0], 3, 1)
        self.halvings = halvings
        self._channels = [3, widths[0], *widths[1:], *[widths[-1]] * middle]

    def feature_channels(self, layers: Sequence[int]) -> list[int]:
        """Channels of the features at the given encoder indices.

        Raises:
            UsageError: if an index does not exist or the indices do not increase.
        """
        if list(layers) != sorted(set(layers)) or not layers or layers[0] < 0 or layers[-1] >= len(self.encoder):
            raise UsageError(
                f"nce_layers {list(layers)}: give increasing module indices of the encoder, 0 to {len(self.encoder) - 1}"
            )
        return [self._channels[layer] for layer in layers]

    def feature_sizes(self, layers: Sequence[int], size: tuple[int, ...]) -> list[tuple[int, int]]:
        """(height, width) of the features at the given encoder indices, for images of (H, W)."""
        halved = [min(max(layer - 1, 0), self.halvings) for layer in layers]
        return [(size[0] // 2**k, size[1] // 2**k) for k in halved]

    def noise_sizes(self, size: tuple[int, ...]) -> list[tuple[int, int]]:
        """(height, width) of the noise that each doubling takes, for images of (H, W)."""
        return [(size[0] // 2**k, size[1] // 2**k) for k in reversed(range(self.halvings))]

    def forward(self, images: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """Translate.

        Args:
            images: (batch, 3, H, W) in [-1, 1], both sides multiples of 2^halvings.
            noise: per doubling (batch, 1, h, w).

        Returns:
            (batch, 3, H, W), not bounded.
        """
        return self.decode(self.encoder(images), noise)

    def decode(self, x: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """The encoder's last features to an image."""
        x = self.decoder(x)
        for upsampling, values in zip(self.upsamplings, noise, strict=True):
            x = upsampling(x, values)
        return self.last(x)

    def features(self, images: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """The outputs of the encoder's modules with the given indices (increasing); stops at the last of them."""
        return self._encode(images, layers, stop=layers[-1] + 1)[1]

    def forward_with_features(
        self, images: Tensor, layers: Sequence[int], noise: Sequence[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """The output image and, from the same pass, what `features` returns."""
        x, maps = self._encode(images, layers, stop=len(self.encoder))
        return self.decode(x, noise), maps

    def _encode(self, x: Tensor, layers: Sequence[int], stop: int) -> tuple[Tensor, list[Tensor]]:
        maps = []
        for index in range(stop):
            x = self.encoder[index](x)
            if index in layers:
                maps.append(x)
        return x, maps


def fixed_noise(sizes: Sequence[tuple[int, int]], count: int, like: Tensor) -> list[Tensor]:
    """The noise of test images: the same for each image of a size, whatever else is made in the same call."""
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn(1, 1, *size, generator=generator) for size in sizes]
    return [noise.to(like).expand(count, -1, -1, -1) for noise in drawn]
