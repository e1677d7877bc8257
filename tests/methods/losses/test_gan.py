from __future__ import annotations

import torch
from torch.nn import functional as F

from methods.losses.gan import adversarial, adversarial_discriminator


def test_least_squares_and_cross_entropy() -> None:
    scores = torch.tensor([-2.0, 0.5, 3.0], dtype=torch.float64)
    for real in (True, False):
        target = torch.full_like(scores, float(real))
        assert torch.allclose(adversarial(scores, real), F.mse_loss(scores, target))
        expected = F.binary_cross_entropy(scores.sigmoid(), target)
        assert torch.allclose(adversarial(scores, real, least_squares=False), expected)


def test_a_discriminator_has_half_of_both() -> None:
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([0.0, 2.0])
    assert adversarial_discriminator(real, fake) == 2.0
    expected = 0.5 * (F.softplus(-real).mean() + F.softplus(fake).mean())
    assert torch.allclose(adversarial_discriminator(real, fake, least_squares=False), expected)
