"""PatchNCE: Park, Efros, Zhang, Zhu, "Contrastive Learning for Unpaired Image-to-Image Translation", ECCV 2020, eq. 4.

taesungp/contrastive-unpaired-translation b3ac297, models/patchnce.py.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bench.loss import LossContext, PatchLoss


def patchnce(query: Tensor, key: Tensor, temperature: float) -> Tensor:
    """-log of the softmax weight of the key at the query's own place among the keys of the same image.

    Logits are [q_i.k_i, q_i.k_1, ..., q_i.k_n] / temperature, class 0 is right. The released code writes -10 over the
    n negatives' own entry q_i.k_i (the paper says minus infinity); at 0.07 that term is e^-143 of the sum.

    Args:
        query: (batch, patches, dim) unit rows of the generated image.
        key: (batch, patches, dim) unit rows of the input image; gradients stop here.
        temperature: 0.07 in the paper.

    Returns:
        (batch, patches) losses.

    Examples:
        >>> q = torch.eye(3)[None]
        >>> patchnce(q, q, 1.0)
        tensor([[0.5515, 0.5515, 0.5515]])
        >>> patchnce(q, q.roll(1, dims=1), 1.0)
        tensor([[1.5515, 1.5515, 1.5515]])
    """
    logits = (query / temperature) @ key.detach().transpose(1, 2)
    positive = logits.diagonal(dim1=1, dim2=2)
    # positive and negatives together are the whole row; the masked entry is one more term
    masked = logits.new_full((), -10.0 / temperature)
    return torch.logaddexp(logits.logsumexp(dim=2), masked) - positive


class PatchNCE(PatchLoss):
    """Cross entropy of finding the input's patch at the same place among the other patches of that image.

    Examples:
        >>> from types import SimpleNamespace
        >>> q = torch.eye(3)[None]
        >>> context = SimpleNamespace(temperature=1.0)
        >>> PatchNCE()(q, q, context)
        tensor([[0.5515, 0.5515, 0.5515]])
    """

    name = "patchnce"
    citation = "Park et al., Contrastive Learning for Unpaired Image-to-Image Translation, ECCV 2020"
    revision = 1

    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> Tensor:  # type: ignore[override]
        """(batch, patches) losses of (batch, patches, dim) queries and keys."""
        return patchnce(query, key, context.temperature)
