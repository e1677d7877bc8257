"""StyleGAN2's discriminator (residual architecture), with reference attention in the place of one convolution if asked for.

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020; NVlabs/stylegan2
training/networks_stylegan2.py, D_stylegan2. Parameters have the names of the PyTorch successor.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log2, sqrt

from torch import Tensor, nn

from bench.base.errors import BenchError
from methods.networks.equalised import EqualisedConv2d, EqualisedLinear, lrelu
from methods.networks.minibatch_stddev import append_minibatch_stddev
from methods.networks.reference_attention import ReferenceAttention
from methods.networks.stylegan2_generator import stylegan2_channels


class ResidualBlock(nn.Module):
    """fromRGB (first block only), conv0, conv1 (halves the resolution), and a linear skip."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        colours: int | None,
        make_attention: Callable[[int], ReferenceAttention] | None,
    ) -> None:
        super().__init__()
        self.attends = make_attention is not None
        self.fromrgb = EqualisedConv2d(colours, inputs, 1) if colours else None
        # the first convolution is the one replaced, so that the skip takes the primary image alone [D17]
        self.conv0 = make_attention(inputs) if make_attention else EqualisedConv2d(inputs, inputs, 3)
        self.conv1 = EqualisedConv2d(inputs, outputs, 3, down=True)
        self.skip = EqualisedConv2d(inputs, outputs, 1, bias=False, down=True)

    def features(self, x: Tensor) -> Tensor:
        """What conv0 gets: the colours as features, in the first block."""
        return x if self.fromrgb is None else lrelu(self.fromrgb(x))

    def forward(self, x: Tensor, reference: Tensor | None) -> Tensor:
        """Map (B, in, H, W), and the reference image's features at this place if the block attends, to half of it."""
        x = self.features(x)
        y = self.conv0(x, reference) if isinstance(self.conv0, ReferenceAttention) else lrelu(self.conv0(x))
        # both paths have the variance of x, so that their sum over sqrt(2) has it too
        return (lrelu(self.conv1(y)) + self.skip(x)) / sqrt(2)


class Epilogue(nn.Module):
    """At 4x4: minibatch standard deviation, one convolution, two fully connected layers, one logit."""

    def __init__(self, channels: int, group_size: int | None) -> None:
        super().__init__()
        self.group_size = group_size
        self.conv = EqualisedConv2d(channels + 1, channels, 3)
        self.fc = EqualisedLinear(channels * 16, channels)
        self.out = EqualisedLinear(channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, 4, 4) to (B, 1)."""
        x = lrelu(self.conv(append_minibatch_stddev(x, self.group_size)))
        return self.out(lrelu(self.fc(x.flatten(1))))


class StyleGAN2Discriminator(nn.Module):
    """Images, or pairs of a primary and a reference image, to one unbounded logit each: blocks `b128`, ..., `b8`, `b4`.

    Args:
        resolution: side of the images, a power of two from 8 on.
        colours: channels of the images.
        channel_base, channel_max: feature maps, see `stylegan2_channels`.
        mbstd_group: samples per group of the minibatch standard deviation; None: all.
        attention_resolution: whose first convolution is replaced by reference attention; None: none.
        make_attention: builds it for a number of channels.
    """

    def __init__(
        self,
        resolution: int,
        colours: int = 3,
        channel_base: int = 16384,
        channel_max: int = 512,
        mbstd_group: int | None = 4,
        attention_resolution: int | None = None,
        make_attention: Callable[[int], ReferenceAttention] | None = None,
    ) -> None:
        super().__init__()
        self.attends = attention_resolution is not None
        for r in (2**k for k in range(int(log2(resolution)), 2, -1)):
            before, after = (stylegan2_channels(side, channel_base, channel_max) for side in (r, r // 2))
            attention = make_attention if r == attention_resolution else None
            self.add_module(f"b{r}", ResidualBlock(before, after, colours if r == resolution else None, attention))
        self.b4 = Epilogue(stylegan2_channels(4, channel_base, channel_max), mbstd_group)

    def _blocks(self) -> list[ResidualBlock]:
        return [block for block in self.children() if isinstance(block, ResidualBlock)]

    def reference_features(self, images: Tensor) -> Tensor:
        """Reference images as the attention sees them, through the same layers as primary ones (Siamese)."""
        x = images
        for block in self._blocks():
            if block.attends:
                return block.features(x)
            x = block(x, None)
        raise BenchError("this discriminator has no reference attention; set reference_attention to a resolution")

    def forward(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        """Judge images.

        Args:
            images: (B, colours, resolution, resolution), the primary ones.
            reference: what `reference_features` made of as many reference images; only with reference attention.

        Returns:
            (B,) logits, high for real ones.

        Raises:
            BenchError: if a reference is missing or not wanted.
        """
        if (reference is None) != (not self.attends):
            raise BenchError("reference images belong to a discriminator with reference attention, and only there")
        x = images
        for block in self._blocks():
            x = block(x, reference if block.attends else None)
        return self.b4(x).squeeze(1)
