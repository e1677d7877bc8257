"""StarGAN v2's generator: an encoder that knows no style, a decoder whose every norm takes it.

Choi, Uh, Yoo, Ha, "StarGAN v2: Diverse Image Synthesis for Multiple Domains", CVPR 2020; clovaai/stargan-v2 875b70a,
core/model.py, Generator. 33,892,995 parameters at 256 pixels, 43,467,395 with the high-pass filter.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from methods.networks.high_pass import HighPass
from methods.networks.instance_norm import AffineInstanceNorm
from methods.networks.stargan_blocks import SLOPE, AdaptiveResidualBlock, ResidualBlock, halvings, widths

MASKED_SIDES = (32, 64, 128)  # of the maps that pass the filter; the first has a mask of its own


class EncodingGenerator(nn.Module):
    """What both generators here have in common: from_rgb, encode, decode, to_rgb, and features of the encoder.

    A subclass fills `encode` with blocks of features and `decode` with blocks of features and a style, and says with
    `channels` and `shrinks` what each block of the encoder makes.

    Args:
        base: channels at the image's own size.
    """

    def __init__(self, base: int) -> None:
        super().__init__()
        self.from_rgb = nn.Conv2d(3, base, 3, padding=1)
        self.encode = nn.ModuleList()
        self.decode = nn.ModuleList()
        self.to_rgb = nn.Sequential(AffineInstanceNorm(base), nn.LeakyReLU(SLOPE), nn.Conv2d(base, 3, 1))
        self.channels: list[int] = []
        self.shrinks: list[int] = []

    def features(self, images: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """The maps after some blocks of the encoder.

        Args:
            images: (batch, 3, H, W).
            layers: numbers of blocks, from 0.

        Returns:
            Per layer (batch, C, h, w).
        """
        maps = {}
        features = self.from_rgb(images)
        for number, block in enumerate(self.encode[: max(layers) + 1]):
            features = maps[number] = block(features)
        return [maps[number] for number in layers]

    def feature_channels(self, layers: Sequence[int]) -> list[int]:
        """Channels of the maps that `features` returns."""
        return [self.channels[number] for number in layers]

    def feature_sizes(self, layers: Sequence[int], size: tuple[int, int]) -> list[tuple[int, int]]:
        """(h, w) of those maps, of images of a size (H, W)."""
        return [(size[0] // self.shrinks[number], size[1] // self.shrinks[number]) for number in layers]


class StarGANGenerator(EncodingGenerator):
    """Image and style to an image; there is no tanh, so values may leave [-1, 1].

    Args:
        side: of images, a power of two from 16; decides how often they are halved, down to 16 pixels.
        style_dim: numbers of a style.
        base: channels at the image's own size; 2^14 / side in the original.
        cap: most channels.
        w_hpf: weight of the high-pass filter; with it images are halved once more and decoder blocks have no shortcut.
    """

    def __init__(self, side: int = 256, style_dim: int = 64, base: int = 64, cap: int = 512, w_hpf: float = 0) -> None:
        super().__init__(base)
        shortcut = w_hpf == 0
        halved = halvings(side) - 2 + (not shortcut)
        channels = widths(base, cap, halved)
        deepest = channels[-1]
        for before, after in pairwise(channels):
            self.encode.append(ResidualBlock(before, after, normalise=True, downsample=True))
        for _ in range(2):
            self.encode.append(ResidualBlock(deepest, deepest, normalise=True))
            self.decode.append(AdaptiveResidualBlock(deepest, deepest, style_dim, shortcut=shortcut))
        for after, before in reversed(list(pairwise(channels))):
            self.decode.append(AdaptiveResidualBlock(before, after, style_dim, upsample=True, shortcut=shortcut))
        self.hpf = None if shortcut else HighPass(w_hpf)
        self.channels = [*channels[1:], deepest, deepest]
        self.shrinks = [2 ** (number + 1) for number in range(halved)] + [2**halved] * 2

    def forward(self, images: Tensor, style: Tensor, masks: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """Map (batch, 3, side, side) to the same shape.

        Args:
            images: in [-1, 1].
            style: (batch, style_dim).
            masks: of a face, (batch, 1, h, w) each: what passes the filter at 32 pixels, and at 64 and 128; needs w_hpf.
        """
        kept = {}
        features = self.from_rgb(images)
        for block in self.encode:
            if masks is not None and features.shape[2] in MASKED_SIDES:
                kept[features.shape[2]] = features
            features = block(features)
        for block in self.decode:
            features = block(features, style)
            if masks is not None and (side := features.shape[2]) in kept:
                assert self.hpf is not None  # there are masks only with a filter
                mask = F.interpolate(masks[side != MASKED_SIDES[0]], size=side, mode="bilinear")
                features = features + self.hpf(mask * kept[side])
        image: Tensor = self.to_rgb(features)
        return image
