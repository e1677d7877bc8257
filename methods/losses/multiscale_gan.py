"""SPADE's adversarial losses, averaged over the discriminator's scales.

Source: NVlabs/SPADE fecacc9, models/networks/loss.py, GANLoss.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from methods.losses import gan_mode
from methods.losses.gan_mode import gan_discriminator, gan_generator

GANMode = Literal["hinge", "ls", "original", "w"]
_ELSEWHERE: dict[GANMode, gan_mode.GANMode] = {"hinge": "hinge", "ls": "lsgan", "original": "vanilla", "w": "wgangp"}


def discriminator_loss(scores: Sequence[Tensor], real: bool, mode: GANMode = "hinge") -> Tensor:
    """One of the discriminator's two terms; they are added without a factor one half.

    hinge: mean max(0, 1 - y) for real, mean max(0, 1 + y) for fake. ls: squared distance from 1 or 0. original: binary
    cross entropy with logits. w: -mean or mean.

    Args:
        scores: per scale, patch scores of any shape.
        real: whether these are real images.
        mode: which loss.

    Returns:
        A scalar, the mean over the scales.

    Examples:
        >>> scores = [torch.tensor([2.0, 0.0]), torch.tensor([1.0])]
        >>> discriminator_loss(scores, real=True)
        tensor(0.2500)
        >>> discriminator_loss(scores, real=False, mode="ls")
        tensor(1.5000)
    """
    return torch.stack([gan_discriminator(score, real, _ELSEWHERE[mode]) for score in scores]).mean()


def generator_loss(scores: Sequence[Tensor], mode: GANMode = "hinge") -> Tensor:
    """The generator's term: -mean y for hinge and w, else the discriminator's loss with the target `real`.

    Args:
        scores: per scale, patch scores of generated images.
        mode: which loss.

    Returns:
        A scalar, the mean over the scales.

    Examples:
        >>> generator_loss([torch.tensor([2.0, 0.0]), torch.tensor([1.0])])
        tensor(-1.)
    """
    return torch.stack([gan_generator(score, _ELSEWHERE[mode]) for score in scores]).mean()
