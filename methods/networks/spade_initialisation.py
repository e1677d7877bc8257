"""Initial weights as SPADE's and the contrastive feature loss's code draw them on a GPU.

Source: alexandonian/contrastive-feature-loss 788ac92, init_type xavier, init_variance 0.02.
"""

from __future__ import annotations

import torch
from torch import nn

from methods.networks.initialisation import initialise
from methods.networks.spectral_norm import SpectralConv2d


def initialise_spade(network: nn.Module, generator: torch.Generator | None) -> nn.Module:
    """Draw every weight of a network.

    Convolutions and linear layers: Xavier normal of gain 0.02, biases 0. Affine norms: N(1, 0.02), 0. Convolutions under
    spectral norm keep torch's default: on a GPU the released code initialises a copy that is not used, and the norm
    removes the scale anyway.

    Args:
        network: changed in place.
        generator: where the numbers come from; None: torch's global generator.

    Returns:
        The same network.
    """
    initialise(network, "xavier", generator)
    for module in network.modules():
        if isinstance(module, SpectralConv2d):
            module.reset(generator)
        elif isinstance(module, nn.BatchNorm2d) and module.affine:
            nn.init.normal_(module.weight, 1.0, 0.02, generator=generator)
            nn.init.zeros_(module.bias)
    return network
