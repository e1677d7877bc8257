"""StarGAN v2's adversarial losses: the logistic loss of each image's own domain, and R1 at every step.

Choi et al., "StarGAN v2: Diverse Image Synthesis for Multiple Domains", CVPR 2020, eq. 1; clovaai/stargan-v2 875b70a,
core/solver.py (adv_loss, r1_reg, compute_d_loss).
"""

from __future__ import annotations

from torch import Tensor

from methods.losses.gan_mode import gan_discriminator, gan_generator
from methods.regularisers import r1_penalty


def discriminator_terms(of_real: Tensor, of_fake: Tensor, real: Tensor) -> dict[str, Tensor]:
    """`real`: mean softplus(-D(x)); `fake`: mean softplus(D(G(x, s))); `reg`: half the mean of |dD(x)/dx|^2.

    Args:
        of_real: (batch,) logits of x for its own domain, computed from `real`.
        of_fake: (batch,) logits of the translations for their target domains.
        real: x, (batch, 3, H, W), which requires gradients.
    """
    return {
        "real": gan_discriminator(of_real, True, "vanilla"),
        "fake": gan_discriminator(of_fake, False, "vanilla"),
        "reg": 0.5 * r1_penalty(of_real, [real]).mean(),
    }


def generator_term(of_fake: Tensor) -> Tensor:
    """Mean softplus(-D(G(x, s))).

    Args:
        of_fake: (batch,) logits of the translations for their target domains.

    Examples:
        >>> import torch
        >>> generator_term(torch.zeros(2))
        tensor(0.6931)
    """
    return gan_generator(of_fake, "vanilla")
