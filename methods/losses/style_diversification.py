"""StarGAN v2's style diversification: two styles must make two images, the less so the longer it trains.

Choi et al., CVPR 2020, eq. 3; clovaai/stargan-v2 875b70a, core/solver.py (compute_g_loss, train).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from torch import Tensor
from torch.nn.functional import l1_loss


def style_diversification(made: Tensor, other: Tensor) -> Tensor:
    """Mean |G(x, s) - G(x, s')|, to be made large; the second image is a constant.

    Args:
        made: (batch, 3, H, W).
        other: of the same inputs, in another style; gradients stop here.

    Examples:
        >>> import torch
        >>> style_diversification(torch.ones(1, 3, 2, 2), torch.zeros(1, 3, 2, 2))
        tensor(1.)
    """
    return l1_loss(made, other.detach())


def diversity_weight(step: int, initial: float, iterations: int) -> float:
    """lambda_ds at a step: `initial` less a fixed part after each step for as long as it is above 0.

    The original subtracts in double precision and so does this, rounding included: where the parts do not add up to
    `initial` the last weight is a negative number and not 0. The original forgets where it was when it is stopped; this
    depends on the step alone.

    Args:
        step: 0-based.
        initial: lambda_ds of the first step.
        iterations: steps after which it is 0 (ds_iter).

    Examples:
        >>> [diversity_weight(step, 2.0, 4) for step in (0, 1, 3, 4, 5)]
        [2.0, 1.5, 0.5, 0.0, 0.0]
    """
    weights = _weights(initial, iterations)
    return float(weights[min(step, len(weights) - 1)])


@lru_cache(maxsize=4)
def _weights(initial: float, iterations: int) -> np.ndarray:
    """Every weight until it no longer changes."""
    falling = np.full(iterations + 2, initial / iterations)
    falling[0] = initial
    weights = np.subtract.accumulate(falling)
    ended = np.flatnonzero(weights <= 0)
    return weights[: ended[0] + 1]
