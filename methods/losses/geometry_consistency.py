"""The geometry-consistency loss: translating a turned image must give the turned translation.

Fu, Gong, Wang, Batmanghelich, Zhang, Tao, "Geometry-Consistent Generative Adversarial Networks for One-Sided
Unsupervised Domain Mapping", CVPR 2019, equation 4; released code: hufu6371/GcGAN 74ccc2f.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import l1_loss

Geometry = Literal["rot", "vf"]


def turn(images: Tensor, geometry: Geometry) -> Tensor:
    """T: a quarter turn clockwise (`rot`), or upside down (`vf`).

    Args:
        images: (batch, C, H, W).
        geometry: which of the two.

    Examples:
        >>> turn(torch.tensor([[[[1, 2], [3, 4]]]]), "rot").flatten().tolist()
        [3, 1, 4, 2]
    """
    return torch.rot90(images, -1, (2, 3)) if geometry == "rot" else images.flip(2)


def turn_back(images: Tensor, geometry: Geometry) -> Tensor:
    """The inverse of `turn`.

    Examples:
        >>> turn_back(torch.tensor([[[[3, 1], [4, 2]]]]), "rot").flatten().tolist()
        [1, 2, 3, 4]
    """
    return torch.rot90(images, 1, (2, 3)) if geometry == "rot" else images.flip(2)


def geometry_consistency(fake: Tensor, fake_turned: Tensor, geometry: Geometry) -> Tensor:
    """Mean |G(x) - T'(G~(Tx))| + mean |G~(Tx) - T(G(x))|, the second image of each term held constant.

    So each term trains one of the two translations, and together they train both alike.

    Args:
        fake: G(x), (batch, 3, H, W).
        fake_turned: G~(T x), of the same shape; square images for `rot`.
        geometry: T.
    """
    from_turned, from_plain = turn_back(fake_turned.detach(), geometry), turn(fake.detach(), geometry)
    return l1_loss(fake, from_turned) + l1_loss(fake_turned, from_plain)
