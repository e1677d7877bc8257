"""InfoNCE whose negatives are given rather than taken from the keys of the same image (NEGCUT, memory banks)."""

from __future__ import annotations

import torch
from torch import Tensor


def nce_with_negatives(query: Tensor, key: Tensor, negatives: Tensor, temperature: float) -> Tensor:
    """-log of the softmax weight of a query's key among the key and all given negatives.

    Logits are [q_i.k_i, q_i.n_1, ..., q_i.n_m] / temperature, class 0 is right. Other patches of the image are no
    negatives.

    Args:
        query: (batch, patches, dim) unit rows of the generated image.
        key: (batch, patches, dim) unit rows of the input image; gradients stop here.
        negatives: (batch or 1, m, dim) unit rows; gradients flow.
        temperature: 0.07 in the papers.

    Returns:
        (batch, patches) losses.

    Examples:
        >>> q = torch.tensor([[[1.0, 0.0]]])
        >>> n = torch.tensor([[[0.0, 1.0]]])
        >>> nce_with_negatives(q, q, n, 1.0)
        tensor([[0.3133]])
        >>> nce_with_negatives(q, n, q, 1.0)
        tensor([[1.3133]])
    """
    positive = (query * key.detach()).sum(2) / temperature
    others = ((query / temperature) @ negatives.transpose(1, 2)).logsumexp(dim=2)
    return torch.logaddexp(others, positive) - positive
