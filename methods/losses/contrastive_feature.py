"""The contrastive feature loss: patches of the generated image against the same patches of the true image.

Andonian, Park, Russell, Isola, Zhu, Zhang, "Contrastive Feature Loss for Image Prediction", 2021. For unit rows q_i
(generated) and k_i (true) at the same N places of one image,

    l_i(q -> k) = -log( exp(q_i.k_i / tau) / ( exp(q_i.k_i / tau) + sum over j != i of exp(q_i.k_j / tau) ) )

and the bidirectional loss is l(q -> k) + l(k -> q). Where paper and code differ, alexandonian/contrastive-feature-loss
788ac92 is `released`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

DIAGONAL = -10.0  # a patch is no negative of itself: its logit becomes -10 / tau and stays in the sum


def patch_nce(query: Tensor, key: Tensor, tau: float, fake_negatives: bool, key_gradient: bool) -> Tensor:
    """Cross entropy of finding each query's own key among the keys of the same image.

    Args:
        query: (batch, patches, dim) unit rows.
        key: the other image's rows at the same places.
        tau: temperature.
        fake_negatives: the other queries are negatives too (released); their gradient flows through both factors.
        key_gradient: let the gradient through the keys (paper) instead of taking them as constants (released).

    Returns:
        (batch, patches) losses.

    Examples:
        >>> q = torch.eye(3)[None]
        >>> patch_nce(q, q, 1.0, fake_negatives=False, key_gradient=False)
        tensor([[0.5515, 0.5515, 0.5515]])
        >>> patch_nce(q, q, 1.0, fake_negatives=True, key_gradient=False)
        tensor([[0.9048, 0.9048, 0.9048]])
    """
    key = key if key_gradient else key.detach()
    positive = (query * key).sum(dim=-1, keepdim=True)
    others = [query @ key.transpose(1, 2)]
    if fake_negatives:
        others.append(query @ query.transpose(1, 2))
    same = torch.eye(query.shape[1], dtype=torch.bool, device=query.device)
    logits = torch.cat([positive, *(scores.masked_fill(same, DIAGONAL) for scores in others)], dim=-1) / tau
    return torch.logsumexp(logits, dim=-1) - logits[..., 0]


def bidirectional_nce(query: Tensor, key: Tensor, tau: float, fake_negatives: bool, key_gradient: bool) -> Tensor:
    """`patch_nce` in both directions, summed (not averaged).

    Without `key_gradient` the reverse term's generated keys are constants: it trains only heads and encoder.

    Args:
        query: (batch, patches, dim) unit rows of the generated image.
        key: the true image's rows at the same places.
        tau: temperature.
        fake_negatives: as of `patch_nce`.
        key_gradient: as of `patch_nce`.

    Returns:
        (batch, patches) losses.

    Examples:
        >>> q = torch.eye(3)[None]
        >>> bidirectional_nce(q, q, 1.0, fake_negatives=False, key_gradient=False)
        tensor([[1.1029, 1.1029, 1.1029]])
    """
    forth = patch_nce(query, key, tau, fake_negatives, key_gradient)
    return forth + patch_nce(key, query, tau, fake_negatives, key_gradient)


def aggregate(losses: Sequence[Tensor], count: int, multiplier: float = 1.0) -> Tensor:
    """Weigh and sum the layers as the released code does: (1 / L) * sum over l of w_l * mean(l).

    The weights w_l are proportional to multiplier ** l and sum to 1 over the L layer labels; the sum stops silently where
    the maps do, so L may exceed their number.

    Args:
        losses: per map, losses of any shape.
        count: L, the number of layer labels.
        multiplier: ratio of neighbouring weights.

    Returns:
        A scalar.

    Examples:
        >>> aggregate([torch.ones(2), torch.full((2,), 3.0)], 2)
        tensor(1.)
        >>> aggregate([torch.ones(2), torch.full((2,), 3.0)], 2, multiplier=3.0)
        tensor(1.2500)
    """
    weights = [multiplier**index for index in range(count)]
    means = torch.stack([weight * loss.mean() for weight, loss in zip(weights, losses, strict=False)])
    return means.sum() / (sum(weights) * count)
