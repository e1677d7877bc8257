"""hDCE: the decoupled contrastive loss with hard negatives weighted by how much they resemble the positive.

Jung, Kwon, Ye, "Exploring Patch-wise Semantic Relation for Contrastive Learning in Image-to-Image Translation Tasks",
CVPR 2022, eq. 4 to 7; jcy132/Hneg_SRC 9a9647d. Paper and code disagree on what the weights multiply: see both functions.
"""

from __future__ import annotations

from math import log

import torch
from torch import Tensor

from methods.losses.semantic_relation import self_similarity

MASKED = -10.0  # what the released code writes over an entry that is no negative, before dividing by a temperature


def hardness_divisor(epoch: int, total_epochs: int, gamma: float, gamma_min: float, step_at: float | None) -> float:
    """g, which falls linearly from `gamma` to `gamma_min`: the smaller, the more only the hardest negatives count.

    Args:
        epoch: 1-based; the first epoch is already one step below `gamma`, the last one at `gamma_min`.
        total_epochs: of the whole run.
        gamma: 50 in the released commands.
        gamma_min: 10 in the released commands.
        step_at: share of the epochs after which g is 1; None: never.

    Examples:
        >>> [hardness_divisor(epoch, 4, 50, 10, None) for epoch in (1, 2, 3, 4)]
        [40.0, 30.0, 20.0, 10.0]
        >>> hardness_divisor(3, 4, 50, 10, 0.5)
        1.0
    """
    if step_at is not None and epoch > step_at * total_epochs:
        return 1.0
    return gamma + (gamma_min - gamma) * epoch / total_epochs


def _diagonal(matrix: Tensor) -> Tensor:
    return torch.eye(matrix.shape[-1], dtype=torch.bool, device=matrix.device)


def hardness_weights(key: Tensor, divisor: float | Tensor) -> Tensor:
    """The released code's w_ij = exp((k_i.k_j - max over j' != i of k_i.k_j') / g).

    Args:
        key: (batch, patches, dim) rows of the input image.
        divisor: g, a number or a 0-dim tensor.

    Returns:
        (batch, patches, patches) in (0, 1], without gradient; 1 at each row's hardest negative. The diagonal means
        nothing: it is masked where the weights are used.

    Examples:
        >>> k = torch.tensor([[[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]])
        >>> hardness_weights(k, 1.0)[0, 0, 1:]
        tensor([1.0000, 0.5488])
    """
    similarity = self_similarity(key.detach())
    scores = similarity.masked_fill(_diagonal(similarity), MASKED) / divisor
    return (scores - scores.amax(dim=2, keepdim=True)).exp()


def hdce_released(query: Tensor, key: Tensor, weights: Tensor | None, temperature: float) -> Tensor:
    """What the released code differentiates: log of sum_j exp((w_ij q_i.k_j - q_i.k_i) / temperature).

    The weights multiply similarities, so those below 0 are drawn to 0 as well. The positive is not among the n terms
    (it is masked with -10): decoupled. Typically negative.

    Args:
        query: (batch, patches, dim) unit rows of the generated image.
        key: (batch, patches, dim) unit rows of the input image; gradients stop here.
        weights: (batch, patches, patches) from `hardness_weights`; None: 1, plain DCE (eq. 6).
        temperature: 0.07.

    Returns:
        (batch, patches) losses.

    Examples:
        >>> q = torch.eye(3)[None]
        >>> hdce_released(q, q, None, 1.0)
        tensor([[-0.3068, -0.3068, -0.3068]])
        >>> hdce_released(q, q, hardness_weights(q, 1.0), 1.0)
        tensor([[-0.3068, -0.3068, -0.3068]])
    """
    logits = query @ key.detach().transpose(1, 2)
    weighted = logits if weights is None else weights * logits
    negatives = weighted.masked_fill(_diagonal(logits), MASKED) / temperature
    return negatives.logsumexp(dim=2) - logits.diagonal(dim1=1, dim2=2) / temperature


def hdce_paper(query: Tensor, key: Tensor, gamma: float | Tensor | None, temperature: float) -> Tensor:
    """Eq. 4 and 5: -log of exp(w.z / t) / (N E[exp(w.z- / t)]) with z- drawn in proportion to exp(gamma z.z-).

    The expectation is taken by importance sampling over the N = n - 1 other patches, normalised by N_q. The weights
    multiply exponentials.

    Args:
        query: (batch, patches, dim) unit rows w of the generated image.
        key: (batch, patches, dim) unit rows z of the input image; gradients stop here.
        gamma: hardness, a number or a 0-dim tensor; None or 0: plain DCE (eq. 6).
        temperature: t.

    Returns:
        (batch, patches) losses.

    Examples:
        >>> q = torch.eye(3)[None]
        >>> hdce_paper(q, q, None, 1.0)
        tensor([[-0.3069, -0.3069, -0.3069]])
    """
    similarity = self_similarity(key.detach())
    diagonal = _diagonal(similarity)
    importance = ((0.0 if gamma is None else gamma) * similarity).masked_fill(diagonal, -torch.inf).log_softmax(dim=2)
    logits = (query / temperature) @ key.detach().transpose(1, 2)
    expectation = (importance + logits).logsumexp(dim=2)
    return log(key.shape[1] - 1) + expectation - logits.diagonal(dim1=1, dim2=2)


def coupled(decoupled: Tensor) -> Tensor:
    """The InfoNCE loss (eq. 7) whose decoupled form (eq. 6) is given: log(1 + exp(DCE)).

    Both divide the same negatives by the positive; InfoNCE has the positive among them once more.

    Examples:
        >>> coupled(torch.tensor([0.0, 1.0]))
        tensor([0.6931, 1.3133])
    """
    return torch.logaddexp(decoupled, torch.zeros_like(decoupled))
