"""StyleGAN2's adversarial loss: the logistic loss with a non-saturating generator ("Adv" in dual contrastive's tables).

Goodfellow et al., "Generative Adversarial Nets", NIPS 2014, section 3; D outputs logits, high for real images.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus


def logistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """D minimises mean softplus(fake) + mean softplus(-real).

    Args:
        real: (N,) logits.
        fake: (M,) logits.

    Examples:
        >>> import torch
        >>> logistic_discriminator(torch.zeros(2), torch.zeros(2))
        tensor(1.3863)
        >>> logistic_discriminator(torch.tensor([9.0]), torch.tensor([-9.0]))
        tensor(0.0002)
    """
    return softplus(fake).mean() + softplus(-real).mean()


def logistic_generator(fake: Tensor) -> Tensor:
    """G minimises mean softplus(-fake), the non-saturating form.

    Args:
        fake: (N,) logits.

    Examples:
        >>> import torch
        >>> logistic_generator(torch.zeros(2))
        tensor(0.6931)
    """
    return softplus(-fake).mean()
