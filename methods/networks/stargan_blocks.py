"""The two residual blocks of StarGAN v2: with instance norm or none, and with AdaIN.

Choi, Uh, Yoo, Ha, "StarGAN v2: Diverse Image Synthesis for Multiple Domains", CVPR 2020, appendix; clovaai/stargan-v2
875b70a, core/model.py. Names, and the order in which parts are registered, are the original's: weights go by them.
"""

from __future__ import annotations

from math import sqrt

from torch import Tensor, nn
from torch.nn import functional as F

from methods.networks.adain import AdaIN
from methods.networks.instance_norm import AffineInstanceNorm

SLOPE = 0.2  # of every leaky ReLU


class ResidualBlock(nn.Module):
    """([norm] - lrelu - conv - [halve] - [norm] - lrelu - conv + shortcut) / sqrt 2; shortcut: 1x1 conv, then halve.

    Args:
        before: channels of the input, and between the convolutions.
        after: channels of the output.
        normalise: with instance norms that have gain and shift (the generator's encoder).
        downsample: halve the sides by the mean of 2 x 2 pixels.
    """

    def __init__(self, before: int, after: int, normalise: bool = False, downsample: bool = False) -> None:
        super().__init__()
        self.normalise, self.downsample = normalise, downsample
        self.conv1 = nn.Conv2d(before, before, 3, padding=1)
        self.conv2 = nn.Conv2d(before, after, 3, padding=1)
        if normalise:
            self.norm1 = AffineInstanceNorm(before)
            self.norm2 = AffineInstanceNorm(before)
        self.conv1x1 = nn.Conv2d(before, after, 1, bias=False) if before != after else None

    def forward(self, features: Tensor) -> Tensor:
        """Map (batch, before, H, W) to (batch, after, H, W), or half the sides."""
        inner = self.norm1(features) if self.normalise else features
        inner = self._halved(self.conv1(F.leaky_relu(inner, SLOPE)))
        inner = self.norm2(inner) if self.normalise else inner
        inner = self.conv2(F.leaky_relu(inner, SLOPE))
        shortcut = features if self.conv1x1 is None else self.conv1x1(features)
        return (inner + self._halved(shortcut)) / sqrt(2)

    def _halved(self, features: Tensor) -> Tensor:
        return F.avg_pool2d(features, 2) if self.downsample else features


class AdaptiveResidualBlock(nn.Module):
    """(AdaIN - lrelu - [double] - conv - AdaIN - lrelu - conv + shortcut) / sqrt 2; shortcut: double, then 1x1 conv.

    With a high-pass filter in the generator the block is its inner path alone: what is kept of the input comes through
    the filter. The 1x1 convolution is there all the same, unused, as in the original.

    Args:
        before: channels of the input.
        after: channels of the output, and between the convolutions.
        style_dim: numbers of a style.
        upsample: double the sides by the nearest neighbour.
        shortcut: False with a high-pass filter.
    """

    def __init__(self, before: int, after: int, style_dim: int, upsample: bool = False, shortcut: bool = True) -> None:
        super().__init__()
        self.upsample, self.shortcut = upsample, shortcut
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.norm1 = AdaIN(style_dim, before)
        self.norm2 = AdaIN(style_dim, after)
        self.conv1x1 = nn.Conv2d(before, after, 1, bias=False) if before != after else None

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        """Map (batch, before, H, W) and styles (batch, style_dim) to (batch, after, H, W), or twice the sides."""
        inner = self.conv1(self._doubled(F.leaky_relu(self.norm1(features, style), SLOPE)))
        inner = self.conv2(F.leaky_relu(self.norm2(inner, style), SLOPE))
        if not self.shortcut:
            return inner
        shortcut = self._doubled(features)
        return (inner + (shortcut if self.conv1x1 is None else self.conv1x1(shortcut))) / sqrt(2)

    def _doubled(self, features: Tensor) -> Tensor:
        return F.interpolate(features, scale_factor=2, mode="nearest") if self.upsample else features


def widths(base: int, cap: int, count: int) -> list[int]:
    """Channels before the first and after each of `count` blocks: each doubles, up to `cap`.

    Examples:
        >>> widths(64, 512, 4)
        [64, 128, 256, 512, 512]
    """
    channels = [base]
    for _ in range(count):
        channels.append(min(2 * channels[-1], cap))
    return channels


def halvings(side: int) -> int:
    """How often a side, a power of two, is halved until 4 pixels are left.

    Examples:
        >>> halvings(256)
        6
    """
    return side.bit_length() - 3
