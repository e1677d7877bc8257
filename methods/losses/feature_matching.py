"""Feature matching: the generated image should look like the real one to every layer of the discriminator.

Source: Wang et al., pix2pixHD, CVPR 2018; NVlabs/SPADE fecacc9, models/pix2pix_model.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def feature_matching(fake: Sequence[Sequence[Tensor]], real: Sequence[Sequence[Tensor]]) -> Tensor:
    """Mean absolute differences, summed over the features but for the score, averaged over the scales.

    Args:
        fake: per scale, the discriminator's features of generated images, the score last.
        real: the same of real images, taken as constants.

    Returns:
        A scalar.

    Examples:
        >>> fake = [[torch.ones(2), torch.ones(1)]]
        >>> feature_matching(fake, [[torch.zeros(2), torch.zeros(1)]])  # the score itself does not count
        tensor(1.)
    """
    differences = [
        F.l1_loss(feature, target.detach())
        for fake_features, real_features in zip(fake, real, strict=True)
        for feature, target in zip(fake_features[:-1], real_features[:-1], strict=True)
    ]
    return torch.stack(differences).sum() / len(fake)
