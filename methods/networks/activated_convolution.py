"""StyleGAN2's layers as CUT's single-image networks use them: equalised convolutions whose activation adds the bias.

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020; taesungp/contrastive-unpaired-translation
b3ac297, models/stylegan_networks.py. Biases have the shape (1, C, 1, 1), as in its checkpoints.
"""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.networks.equalised import fan_in, lrelu
from methods.networks.fir_resampling import conv_downsample2
from methods.networks.modulated_convolution import modulated_conv2d


class ActivatedConv2d(nn.Module):
    """lrelu(x * weight / sqrt(in k k) + bias), with zero padding k // 2, or filtered and halved.

    Args:
        inputs: channels.
        outputs: channels.
        kernel_size: 1 or 3.
        down: halve the resolution.
        activate: without it there is neither bias nor activation (the skips of blocks).
    """

    def __init__(self, inputs: int, outputs: int, kernel_size: int, down: bool = False, activate: bool = True) -> None:
        super().__init__()
        self.down = down
        self.weight = nn.Parameter(torch.empty(outputs, inputs, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(1, outputs, 1, 1)) if activate else None

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inputs, H, W) to (batch, outputs, H, W), or half as many rows and columns."""
        weight = self.weight / sqrt(fan_in(self.weight))
        x = conv_downsample2(x, weight) if self.down else F.conv2d(x, weight, padding=weight.shape[-1] // 2)
        return x if self.bias is None else lrelu(x + self.bias)


class ResidualBlock(nn.Module):
    """(conv2(conv1(x)) + skip(x)) / sqrt(2); the skip is x itself where the shape is kept.

    Args:
        inputs: channels.
        outputs: channels.
        down: halve the resolution.
    """

    def __init__(self, inputs: int, outputs: int, down: bool) -> None:
        super().__init__()
        self.conv1 = ActivatedConv2d(inputs, inputs, 3)
        self.conv2 = ActivatedConv2d(inputs, outputs, 3, down=down)
        keeps_shape = inputs == outputs and not down
        self.skip = nn.Identity() if keeps_shape else ActivatedConv2d(inputs, outputs, 1, down=down, activate=False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inputs, H, W) to (batch, outputs, H, W), or half as many rows and columns."""
        return (self.conv2(self.conv1(x)) + self.skip(x)) / sqrt(2)


class AddedNoise(nn.Module):
    """x + weight * noise; the strength is learnt from 0 on."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """(batch, C, H, W) and noise (batch, 1, H, W) to (batch, C, H, W)."""
        return x + self.weight * noise


class AddedBias(nn.Module):
    """lrelu(x + bias).

    Args:
        channels: of x.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, H, W) to the same shape."""
        return lrelu(x + self.bias)


class NoisyUpsampling(nn.Module):
    """A modulated convolution without a style that doubles the resolution, then noise of learnt strength, then lrelu.

    Args:
        inputs: channels.
        outputs: channels.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1, outputs, inputs, 3, 3))
        self.noise = AddedNoise()
        self.activate = AddedBias(outputs)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """(batch, inputs, H, W), with noise (batch, 1, 2H, 2W), to (batch, outputs, 2H, 2W)."""
        weight = self.weight[0]
        styles = x.new_full((len(x), x.shape[1]), 1 / sqrt(fan_in(weight)))
        return self.activate(self.noise(modulated_conv2d(x, weight, styles, up=True), noise))
