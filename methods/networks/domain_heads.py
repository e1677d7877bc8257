"""Heads of several domains on one trunk: every item gets the output of its own domain's head."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def of_domain(outputs: Sequence[Tensor] | Tensor, domain: Tensor) -> Tensor:
    """Of every item the output for its own domain.

    All heads stay in the graph, those that no item asks for with gradient zero: an optimizer whose weight decay is added
    to gradients moves them too, as the originals do.

    Args:
        outputs: per domain (batch, ...), or (batch, domains).
        domain: int64 (batch,).

    Returns:
        (batch, ...).

    Examples:
        >>> of_domain([torch.zeros(2), torch.ones(2)], torch.tensor([1, 0]))
        tensor([1., 0.])
    """
    stacked = outputs if isinstance(outputs, Tensor) else torch.stack(list(outputs), dim=1)
    return stacked[torch.arange(len(domain), device=domain.device), domain]
