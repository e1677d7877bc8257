from __future__ import annotations

import torch
from torch.nn import functional as F

from methods.losses.drit import (
    content_discriminator_loss,
    content_generator_loss,
    image_discriminator_loss,
    image_generator_loss,
    kl_divergence,
    mode_seeking,
)

LOGITS = torch.tensor([-1.5, 0.2, 2.0], dtype=torch.float64)


def bce(target: float) -> torch.Tensor:
    return F.binary_cross_entropy(LOGITS.sigmoid(), torch.full_like(LOGITS, target))


def test_adversarial_terms_are_summed_over_scales_and_have_no_half() -> None:
    torch.testing.assert_close(image_discriminator_loss([LOGITS, LOGITS], [LOGITS, LOGITS]), 2 * (bce(0) + bce(1)))
    torch.testing.assert_close(image_generator_loss([LOGITS, LOGITS]), 2 * bce(1))
    torch.testing.assert_close(content_generator_loss(LOGITS), bce(0.5))
    only_b = content_discriminator_loss(torch.full_like(LOGITS, -50), LOGITS)
    torch.testing.assert_close(only_b, bce(1))


def test_divergence_is_summed() -> None:
    mean, log_variance = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.5, -1.0]])
    normal = torch.distributions.Normal(mean, (log_variance / 2).exp())
    expected = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum()
    torch.testing.assert_close(kl_divergence(mean, log_variance), expected)


def test_mode_seeking_rewards_difference() -> None:
    one, z = torch.zeros(1, 3, 2, 2), torch.zeros(1, 8)
    near, far = (mode_seeking(one, one + d, z, z + 2.0) for d in (0.1, 1.0))
    assert near > far
    torch.testing.assert_close(far, torch.tensor(1 / (0.5 + 1e-5)))
