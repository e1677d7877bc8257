"""The two adversarial losses that programs of CycleGAN's family offer, chosen by their option `no_lsgan`."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from methods.losses.lsgan import lsgan_fake, lsgan_real


def adversarial(scores: Tensor, real: bool, least_squares: bool = True) -> Tensor:
    """How far scores are from saying `real` (1) or fake (0): mean over batch and positions.

    Args:
        scores: D's output without a sigmoid, any shape.
        real: what the images should be taken for.
        least_squares: (D - t)^2, or else the cross entropy of sigmoid(D) with t (the option no_lsgan).

    Examples:
        >>> import torch
        >>> adversarial(torch.tensor([1.0, 3.0]), True), adversarial(torch.tensor([0.0]), True, least_squares=False)
        (tensor(2.), tensor(0.6931))
    """
    if least_squares:
        return lsgan_real(scores) if real else lsgan_fake(scores)
    return F.softplus(-scores if real else scores).mean()


def adversarial_discriminator(scores_real: Tensor, scores_fake: Tensor, least_squares: bool = True) -> Tensor:
    """D's loss: half the sum of both parts; G's term has no such half."""
    return 0.5 * (adversarial(scores_real, True, least_squares) + adversarial(scores_fake, False, least_squares))
