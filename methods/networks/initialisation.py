"""Initial weights as the originals draw them."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

Scheme = Literal["xavier", "normal"]


def initialise(network: nn.Module, scheme: Scheme, generator: torch.Generator | None, gain: float = 0.02) -> nn.Module:
    """Draw every convolution's and linear layer's weight in definition order; biases become 0.

    Args:
        network: changed in place.
        scheme: `xavier`: normal of std gain * sqrt(2 / (fan_in + fan_out)) (CUT's init_type xavier, init_gain 0.02);
            `normal`: N(0, gain) (CycleGAN).
        generator: where the numbers come from; None: torch's global generator.
        gain: 0.02 in both code bases.

    Returns:
        The same network.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            if scheme == "xavier":
                nn.init.xavier_normal_(module.weight, gain, generator=generator)
            else:
                nn.init.normal_(module.weight, 0.0, gain, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network
