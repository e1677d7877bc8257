"""The least-squares GAN loss (Mao et al. 2017) with the reductions and factors of CycleGAN and CUT."""

from __future__ import annotations

from torch import Tensor


def lsgan_real(scores: Tensor) -> Tensor:
    """Mean (D - 1)^2 over batch and positions: what D minimises on real images, and G on its own.

    Examples:
        >>> import torch
        >>> lsgan_real(torch.tensor([1.0, 3.0]))
        tensor(2.)
    """
    return (scores - 1).square().mean()


def lsgan_fake(scores: Tensor) -> Tensor:
    """Mean D^2 over batch and positions: what D minimises on generated images.

    Examples:
        >>> import torch
        >>> lsgan_fake(torch.tensor([1.0, 3.0]))
        tensor(5.)
    """
    return scores.square().mean()


def lsgan_discriminator(scores_real: Tensor, scores_fake: Tensor) -> Tensor:
    """D's loss: half the sum of both parts; G's term has no such half.

    Examples:
        >>> import torch
        >>> lsgan_discriminator(torch.tensor([1.0, 3.0]), torch.tensor([0.0, 2.0]))
        tensor(2.)
    """
    return 0.5 * (lsgan_real(scores_real) + lsgan_fake(scores_fake))
