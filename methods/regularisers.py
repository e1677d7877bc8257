"""StyleGAN2's regularisers: the gradient penalty R1 of the discriminator, and the path lengths of the generator."""

from __future__ import annotations

from collections.abc import Sequence
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
