"""The dual contrastive loss: one real image against a batch of generated ones, and one generated one against real ones.

Yu et al., "Dual Contrastive Loss and Attention for GANs", ICCV 2021. With logits r_i of N real, f_j of M generated images,

    C(r, f) = mean_i log(1 + sum_j exp(f_j - r_i)) + mean_j log(1 + sum_i exp(f_j - r_i))

D minimises C(r, f). There is no temperature, no weight between the two halves, no projection. No official code exists; the
formula is from the paper as quoted by third-party implementations.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.base.errors import BenchError


def dual_contrastive(real: Tensor, fake: Tensor, group: int | None = None) -> Tensor:
    """C(real, fake) >= 0, what D minimises; G minimises -C(real, fake) (`minimax`) or C(fake, real) (`swap`).

    Only differences of logits matter, so D's last bias has no gradient but rounding noise.

    Args:
        real: (N,) logits.
        fake: (M,) logits.
        group: contrast only within groups of this many consecutive reals and fakes (N = M then), and average the
            groups' losses; None: the whole minibatch.

    Returns:
        A scalar; log(1 + N) + log(1 + M) where all logits are equal.

    Raises:
        BenchError: if the batches do not divide into such groups.

    Examples:
        >>> dual_contrastive(torch.zeros(4), torch.zeros(4))
        tensor(3.2189)
        >>> dual_contrastive(torch.full((4,), 20.0), torch.zeros(4)) < 1e-6
        tensor(True)
    """
    if group is not None:
        if len(real) != len(fake) or len(real) % group:
            raise BenchError(f"contrast_batch {group} does not divide {len(real)} real and {len(fake)} fake logits")
        real, fake = real.view(-1, group), fake.view(-1, group)
    difference = fake.unsqueeze(-2) - real.unsqueeze(-1)  # (..., i, j): f_j - r_i
    return _log1p_sum_exp(difference).mean() + _log1p_sum_exp(difference.transpose(-1, -2)).mean()


def _log1p_sum_exp(x: Tensor) -> Tensor:
    """log(1 + sum over the last axis of exp(x)), whatever the size of x."""
    return torch.logsumexp(F.pad(x, (1, 0)), dim=-1)
