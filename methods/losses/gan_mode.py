"""The adversarial losses that the programs of CycleGAN's family choose among (`gan_mode`, `no_lsgan`), one score map each.

junyanz/pytorch-CycleGAN-and-pix2pix, taesungp/contrastive-unpaired-translation b3ac297 and lyndonzheng/F-LSeSim 6ca7883,
GANLoss. SPADE's (methods/losses/multiscale_gan.py) are these over several scales, by other names.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional as F

from methods.losses.lsgan import lsgan_fake, lsgan_real

# cross entropy with logits is the logistic loss, so `vanilla` and `nonsaturating` are one
GANMode = Literal["lsgan", "nonsaturating", "vanilla", "hinge", "wgangp"]


def gan_discriminator(scores: Tensor, real: bool, mode: GANMode) -> Tensor:
    """What D minimises on real or on generated images.

    lsgan: squared distance from 1 or 0. nonsaturating, vanilla: cross entropy of sigmoid(D) with 1 or 0. hinge:
    max(0, 1 -+ D). wgangp: -D or D.

    Args:
        scores: D's output without a sigmoid, any shape.
        real: what D should say.
        mode: which loss.

    Returns:
        A scalar, the mean over batch and positions.

    Examples:
        >>> import torch
        >>> gan_discriminator(torch.tensor([1.0, 3.0]), True, "lsgan")
        tensor(2.)
        >>> gan_discriminator(torch.zeros(2), False, "nonsaturating")
        tensor(0.6931)
    """
    if mode == "hinge":
        return F.relu(1 - scores if real else 1 + scores).mean()
    if mode == "lsgan":
        return lsgan_real(scores) if real else lsgan_fake(scores)
    if mode == "wgangp":
        return (-scores if real else scores).mean()
    return F.softplus(-scores if real else scores).mean()


def gan_discriminator_both(scores_real: Tensor, scores_fake: Tensor, mode: GANMode) -> Tensor:
    """D's loss: half the sum of both parts; G's term has no such half.

    Examples:
        >>> import torch
        >>> gan_discriminator_both(torch.tensor([1.0, 3.0]), torch.tensor([0.0, 2.0]), "lsgan")
        tensor(2.)
    """
    return 0.5 * (gan_discriminator(scores_real, True, mode) + gan_discriminator(scores_fake, False, mode))


def gan_generator(scores: Tensor, mode: GANMode) -> Tensor:
    """What G minimises on its images: -D for hinge, else D's loss with the target `real`.

    Examples:
        >>> import torch
        >>> gan_generator(torch.tensor([1.0, 3.0]), "lsgan")
        tensor(2.)
        >>> gan_generator(torch.tensor([1.0, 3.0]), "hinge")
        tensor(-2.)
    """
    return -scores.mean() if mode == "hinge" else gan_discriminator(scores, True, mode)
