"""The adversarial losses that CUT's code base and its descendants choose among (`gan_mode`), one discriminator each.

taesungp/contrastive-unpaired-translation b3ac297 and lyndonzheng/F-LSeSim 6ca7883, GANLoss. The functions are SPADE's
(methods/losses/multiscale_gan.py), which calls the same losses by other names.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from methods.losses.multiscale_gan import GANMode as SPADEMode
from methods.losses.multiscale_gan import discriminator_loss, generator_loss

GANMode = Literal["lsgan", "nonsaturating", "vanilla", "hinge", "wgangp"]
# cross entropy with logits is the logistic loss, so `vanilla` and `nonsaturating` are one
_AS_SPADE: dict[GANMode, SPADEMode] = {
    "lsgan": "ls",
    "nonsaturating": "original",
    "vanilla": "original",
    "hinge": "hinge",
    "wgangp": "w",
}


def gan_discriminator(scores: Tensor, real: bool, mode: GANMode) -> Tensor:
    """What D minimises on real or on generated images; the two terms are averaged by who calls.

    Examples:
        >>> import torch
        >>> gan_discriminator(torch.tensor([1.0, 3.0]), True, "lsgan")
        tensor(2.)
        >>> gan_discriminator(torch.zeros(2), False, "nonsaturating")
        tensor(0.6931)
    """
    return discriminator_loss([scores], real, _AS_SPADE[mode])


def gan_generator(scores: Tensor, mode: GANMode) -> Tensor:
    """What G minimises on its images.

    Examples:
        >>> import torch
        >>> gan_generator(torch.tensor([1.0, 3.0]), "lsgan")
        tensor(2.)
        >>> gan_generator(torch.tensor([1.0, 3.0]), "hinge")
        tensor(-2.)
    """
    return generator_loss([scores], _AS_SPADE[mode])
