"""The generator that the authors of SRC + hDCE put into StarGAN v2 (jcy132/Hneg_SRC 9a9647d, Multimodal).

10,739,459 parameters at 256 pixels. Whatever the images' size, they are halved twice.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from methods.networks.instance_norm import AffineInstanceNorm
from methods.networks.stargan_blocks import SLOPE, AdaptiveResidualBlock, ResidualBlock, widths
from methods.networks.stargan_generator import EncodingGenerator

HALVINGS, FLAT = 2, 4


class Halving(nn.Module):
    """Norm - lrelu - 4x4 convolution of stride 2; the convolution is registered first, as in the original.

    Args:
        before: channels of the input.
        after: channels of the output.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 4, stride=2, padding=1)
        self.norm1 = AffineInstanceNorm(before)

    def forward(self, features: Tensor) -> Tensor:
        """Map (batch, before, H, W) to (batch, after, H / 2, W / 2)."""
        image: Tensor = self.conv1(F.leaky_relu(self.norm1(features), SLOPE))
        return image


class Doubling(nn.Module):
    """Nearest-neighbour doubling - norm - lrelu - 3x3 convolution; no style.

    Args:
        before: channels of the input.
        after: channels of the output.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.norm1 = AffineInstanceNorm(before)

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        """Map (batch, before, H, W) to (batch, after, 2 H, 2 W); the style is not looked at."""
        doubled = F.interpolate(features, scale_factor=2, mode="nearest")
        image: Tensor = self.conv1(F.leaky_relu(self.norm1(doubled), SLOPE))
        return image


class SRCStarGANGenerator(EncodingGenerator):
    """Two halvings, four residual blocks, four AdaIN blocks, two doublings.

    Args:
        style_dim: numbers of a style.
        base: channels at the image's own size.
        cap: most channels.
    """

    def __init__(self, style_dim: int = 64, base: int = 64, cap: int = 512) -> None:
        super().__init__(base)
        channels = widths(base, cap, HALVINGS)
        deepest = channels[-1]
        pairs = list(pairwise(channels))
        for before, after in pairs:
            self.encode.append(Halving(before, after))
        for _ in range(FLAT):
            self.encode.append(ResidualBlock(deepest, deepest, normalise=True))
            self.decode.append(AdaptiveResidualBlock(deepest, deepest, style_dim))
        for after, before in reversed(pairs):
            self.decode.append(Doubling(before, after))
        self.channels = [*channels[1:], *[deepest] * FLAT]
        self.shrinks = [2, 4, *[4] * FLAT]

    def forward(self, images: Tensor, style: Tensor) -> Tensor:
        """Map (batch, 3, H, W) in [-1, 1] and styles (batch, style_dim) to the images' shape; no tanh."""
        (features,) = self.features(images, [len(self.encode) - 1])
        for block in self.decode:
            features = block(features, style)
        image: Tensor = self.to_rgb(features)
        return image
