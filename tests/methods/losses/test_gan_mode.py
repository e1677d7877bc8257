from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch.nn import functional as F

from methods.losses.gan_mode import GANMode, gan_discriminator, gan_discriminator_both, gan_generator

SCORES = torch.tensor([-2.0, 0.5, 3.0], dtype=torch.float64)


def bce(target: float) -> torch.Tensor:
    return F.binary_cross_entropy(SCORES.sigmoid(), torch.full_like(SCORES, target))


def mse(target: float) -> torch.Tensor:
    return F.mse_loss(SCORES, torch.full_like(SCORES, target))


# by mode: D on real images, D on generated ones, G
EXPECTED = {
    "lsgan": (mse(1), mse(0), mse(1)),
    "vanilla": (bce(1), bce(0), bce(1)),
    "nonsaturating": (bce(1), bce(0), bce(1)),
    "hinge": ((3.0 + 0.5 + 0.0) / 3, (0.0 + 1.5 + 4.0) / 3, -0.5),
    "wgangp": (-0.5, 0.5, -0.5),
}


@pytest.mark.parametrize("mode", get_args(GANMode))
def test_every_mode(mode: GANMode) -> None:
    real, fake, generator = (torch.as_tensor(value, dtype=torch.float64) for value in EXPECTED[mode])
    torch.testing.assert_close(gan_discriminator(SCORES, True, mode), real)
    torch.testing.assert_close(gan_discriminator(SCORES, False, mode), fake)
    torch.testing.assert_close(gan_generator(SCORES, mode), generator)
    torch.testing.assert_close(gan_discriminator_both(SCORES, SCORES, mode), (real + fake) / 2)
