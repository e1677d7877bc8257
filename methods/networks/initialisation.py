"""Initial weights as the originals draw them."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from methods.networks.instance_norm import AffineInstanceNorm

Scheme = Literal["xavier", "normal", "kaiming", "torch"]


def initialise(
    network: nn.Module,
    scheme: Scheme,
    generator: torch.Generator | None,
    gain: float = 0.02,
    biases: Literal["zero", "torch"] = "zero",
) -> nn.Module:
    """Draw every convolution's and linear layer's weight in definition order; a norm's weight is drawn from N(1, gain).

    Args:
        network: changed in place.
        scheme: `xavier`: normal of std gain * sqrt(2 / (fan_in + fan_out)) (CUT's init_type xavier, init_gain 0.02);
            `normal`: N(0, gain) (CycleGAN); `kaiming`: normal of std sqrt(2 / fan_in) (MUNIT); `torch`: uniform, as torch's
            layers draw it (`biases` with it, for programs that leave layers as they come).
        generator: where the numbers come from; None: torch's global generator.
        gain: 0.02 in both code bases.
        biases: 0, or as torch makes them, which programs keep that touch weights only (`torch_bias`).

    Returns:
        The same network.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            if scheme == "xavier":
                nn.init.xavier_normal_(module.weight, gain, generator=generator)
            elif scheme == "kaiming":
                nn.init.kaiming_normal_(module.weight, generator=generator)
            elif scheme == "torch":
                nn.init.kaiming_uniform_(module.weight, 5**0.5, generator=generator)
            else:
                nn.init.normal_(module.weight, 0.0, gain, generator=generator)
            if module.bias is not None and biases == "zero":
                nn.init.zeros_(module.bias)
            elif module.bias is not None:
                torch_bias(module, generator)
        elif isinstance(module, AffineInstanceNorm):
            nn.init.normal_(module.weight, 1.0, gain, generator=generator)
            nn.init.zeros_(module.bias)
    return network


def torch_bias(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear, generator: torch.Generator | None) -> None:
    """Draw a bias as torch's layers do: uniform in +-1 / sqrt(what torch takes for the fan-in)."""
    assert layer.bias is not None  # the caller asked
    bound = layer.weight[0].numel() ** -0.5
    nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
