"""DRIT++'s losses; every adversarial one is a cross entropy of sigmoids.

Lee, Tseng, Mao, Huang, Lu, Singh, Yang, "DRIT++", IJCV 2020, equations 1 to 8; mode seeking: Mao et al., CVPR 2019. Released
code: HsinYingLee/DRIT f19f50a, model.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def cross_entropy(logits: Tensor, target: float) -> Tensor:
    """Mean binary cross entropy of sigmoid(logits) with one target for all.

    Examples:
        >>> cross_entropy(torch.zeros(3), 0.5)
        tensor(0.6931)
    """
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def image_discriminator_loss(fake: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Sum over scales of bce(D(fake), 0) + bce(D(real), 1), without a half.

    Args:
        fake: per scale, scores of any shape.
        real: likewise.
    """
    terms = [cross_entropy(f, 0.0) + cross_entropy(r, 1.0) for f, r in zip(fake, real, strict=True)]
    return torch.stack(terms).sum()


def image_generator_loss(fake: Sequence[Tensor]) -> Tensor:
    """Sum over scales of bce(D(fake), 1)."""
    return torch.stack([cross_entropy(scores, 1.0) for scores in fake]).sum()


def content_discriminator_loss(of_a: Tensor, of_b: Tensor) -> Tensor:
    """Contents of B are to be told as 1, those of A as 0; each of the arguments is scores of any shape."""
    return cross_entropy(of_a, 0.0) + cross_entropy(of_b, 1.0)


def content_generator_loss(scores: Tensor) -> Tensor:
    """Contents should not tell their domain: bce with one half."""
    return cross_entropy(scores, 0.5)


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """From N(mean, exp(log_variance)) to N(0, I), *summed* over the minibatch.

    Examples:
        >>> kl_divergence(torch.ones(2), torch.zeros(2))
        tensor(1.)
    """
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()


def mode_seeking(one: Tensor, other: Tensor, z_one: Tensor, z_other: Tensor) -> Tensor:
    """1 / (mean |images apart| / mean |codes apart| + 1e-5): images of different codes should differ.

    Args:
        one: images (batch, 3, H, W) of codes z_one (batch, nz).
        other: images of codes z_other.
        z_one: codes.
        z_other: other codes.
    """
    ratio = (one - other).abs().mean() / (z_one - z_other).abs().mean()
    return 1 / (ratio + 1e-5)
