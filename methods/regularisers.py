"""Regularisers: gradient penalties of the discriminator, and StyleGAN2's path lengths of the generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt

import torch
from torch import Tensor

PL_DECAY = 0.01  # of the running mean of path lengths


def r1_penalty(logits: Tensor, images: Sequence[Tensor]) -> Tensor:
    """The squared norm of D's gradient at each real image.

    Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually Converge?", ICML 2018, eq. 9 (without gamma/2).

    Args:
        logits: (B,), computed from `images`.
        images: tensors (B, C, H, W) that require gradients; their penalties are added.

    Returns:
        (B,), differentiable.
    """
    gradients = torch.autograd.grad(logits.sum(), list(images), create_graph=True)
    return torch.stack([gradient.square().sum(dim=(1, 2, 3)) for gradient in gradients]).sum(dim=0)


def path_lengths(images: Tensor, ws: Tensor, noise: Tensor) -> Tensor:
    """How far a random direction of the image moves w: |J^T y|, y of unit expected norm per colour channel.

    Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020, eq. 4; the released code averages
    the squares over layers.

    Args:
        images: (B, C, H, W), computed from `ws`.
        ws: (B, layers, w_dim).
        noise: standard normal, of the images' shape.

    Returns:
        (B,), differentiable.
    """
    direction = noise / sqrt(images.shape[2] * images.shape[3])
    (gradient,) = torch.autograd.grad((images * direction).sum(), ws, create_graph=True)
    return gradient.square().sum(dim=2).mean(dim=1).sqrt()


def gradient_penalty(netD: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """How far the norm of D's gradient is from 1, on mixtures of real and generated images.

    Gulrajani et al., "Improved Training of Wasserstein GANs", NIPS 2017, eq. 3, as CycleGAN's code base computes it.

    Args:
        netD: the discriminator.
        real: (B, C, H, W), without gradient.
        fake: likewise.
        mix: (B,), the share of the real image.

    Returns:
        A scalar, mean (|gradient + 1e-16| - 1)^2.
    """
    share = mix.to(real.dtype)[:, None, None, None]
    mixture = (share * real + (1 - share) * fake).requires_grad_()
    (gradient,) = torch.autograd.grad(netD(mixture).sum(), mixture, create_graph=True)
    return ((gradient.flatten(1) + 1e-16).norm(dim=1) - 1).square().mean()
