"""Layers with an equalised learning rate: weights are drawn from N(0, 1) and scaled by 1/sqrt(fan_in) at run time.

Karras et al., "Progressive Growing of GANs", ICLR 2018, section 4.1; constants as in StyleGAN2's released code.
"""

from __future__ import annotations

from math import prod, sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.networks.fir_resampling import conv_downsample2


def lrelu(x: Tensor) -> Tensor:
    """Leaky ReLU of slope 0.2 times sqrt(2), which keeps the variance."""
    return F.leaky_relu(x, 0.2) * sqrt(2)


def fan_in(weight: Tensor) -> int:
    """Inputs of one output of a weight (out, in, ...)."""
    return prod(weight.shape[1:])


def draw_weights(network: nn.Module, generator: torch.Generator) -> nn.Module:
    """Draw every weight, constant and noise map of a network anew from N(0, 1), in definition order.

    Layers of a reduced learning rate start larger by as much (`EqualisedLinear`), layers without an equalised one smaller
    (`EqualisedConv2d`). Biases, noise strengths and batch norms keep the constants that their layers give them.

    Args:
        network: changed in place.
        generator: on the CPU.

    Returns:
        The network.
    """
    with torch.no_grad():
        for module in network.modules():
            for name, tensor in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
                if name in ("weight", "const", "noise_const") and not isinstance(module, nn.BatchNorm2d):
                    tensor.normal_(generator=generator).div_(getattr(module, "lr_multiplier", 1.0))
    return network


class EqualisedLinear(nn.Module):
    """y = x (weight lr_multiplier / sqrt(in))^T + bias lr_multiplier.

    Args:
        in_features, out_features: sizes.
        bias_init: what all biases start as.
        lr_multiplier: learning rate relative to the other layers; the weight starts as N(0, 1) / lr_multiplier.
    """

    def __init__(self, in_features: int, out_features: int, bias_init: float = 0.0, lr_multiplier: float = 1.0) -> None:
        super().__init__()
        self.lr_multiplier = lr_multiplier
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        self.bias = nn.Parameter(torch.full((out_features,), bias_init / lr_multiplier))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., in) to (..., out)."""
        scale = self.lr_multiplier / sqrt(fan_in(self.weight))
        return F.linear(x, self.weight * scale, self.bias * self.lr_multiplier)


class EqualisedConv2d(nn.Module):
    """A convolution with weight / sqrt(in k k), zero padding k // 2, and optionally half the resolution.

    Unequalised it starts as the same function, but its weights are used as they are stored, so Adam's steps, whose size
    does not depend on the gradient's, change it sqrt(in k k) times as much.

    Args:
        in_channels, out_channels: sizes.
        kernel_size: 1 or 3.
        bias: whether there is one; starts at 0.
        down: halve the resolution (StyleGAN2's filtered stride).
        equalised: see above.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        bias: bool = True,
        down: bool = False,
        equalised: bool = True,
    ) -> None:
        super().__init__()
        self.down = down
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, kernel_size, kernel_size))
        root = sqrt(fan_in(self.weight))
        # of the weight at run time, and of its standard deviation at the start
        self.divisor, self.lr_multiplier = (root, 1.0) if equalised else (1.0, root)
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in, H, W) to (B, out, H, W), or half as many rows and columns."""
        weight = self.weight / self.divisor
        if not self.down:
            return F.conv2d(x, weight, self.bias, padding=weight.shape[-1] // 2)
        x = conv_downsample2(x, weight)
        return x if self.bias is None else x + self.bias[:, None, None]
