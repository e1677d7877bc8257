"""The perceptual baseline: weighted absolute differences of VGG19 features (SPADE's VGG loss and its variants).

Source: NVlabs/SPADE fecacc9 and alexandonian/contrastive-feature-loss 788ac92, models/networks/loss.py, VGGLoss.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Weighting = Literal["spade", "cfl", "cfl_image", "crn"]

_SPADE = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
_CRN = (1.0, 1 / 2.6, 1 / 4.8, 1 / 3.7, 1 / 5.6, 10 / 1.5)  # Chen and Koltun, Cascaded Refinement Networks, ICCV 2017


def layer_weights(weighting: Weighting) -> tuple[float, ...]:
    """The weight of the image and of the five feature maps, from fine to coarse.

    spade: 1/32, 1/16, 1/8, 1/4, 1, without the image. cfl_image: those and 1 for the image, normalised to sum 1. cfl: the
    same with the image dropped after normalising, so that a lambda counts 2.47 times less than SPADE's. crn: the weights
    of Cascaded Refinement Networks, normalised, image included.

    Args:
        weighting: which.

    Returns:
        Six numbers, the image's first.

    Examples:
        >>> layer_weights("spade")
        (0.0, 0.03125, 0.0625, 0.125, 0.25, 1.0)
    """
    if weighting == "spade":
        return (0.0, *_SPADE)
    weights = _CRN if weighting == "crn" else (1.0, *_SPADE)
    image, *maps = (weight / sum(weights) for weight in weights)
    return (0.0 if weighting == "cfl" else image, *maps)


def feature_l1(fake: Sequence[Tensor], real: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Weighted feature distance: sum over l of w_l * mean |fake_l - real_l|.

    Args:
        fake: the generated images and their feature maps.
        real: the same of the real images, taken as constants.
        weights: one each.

    Returns:
        A scalar.

    Examples:
        >>> fake, real = [torch.ones(1, 2), torch.ones(1, 3)], [torch.zeros(1, 2), torch.zeros(1, 3)]
        >>> feature_l1(fake, real, [0.5, 2.0])
        tensor(2.5000)
    """
    terms = [
        weight * F.l1_loss(feature, target.detach())
        for feature, target, weight in zip(fake, real, weights, strict=True)
        if weight
    ]
    return torch.stack(terms).sum()
