"""From a condition of whole numbers to the network's input: one-hot classes and instance edges.

Source: NVlabs/SPADE fecacc9, models/pix2pix_model.py, preprocess_input and get_edges.
"""

from __future__ import annotations

import torch
from torch import Tensor


def instance_edges(instances: Tensor) -> Tensor:
    """1 where any of the four neighbours has another instance number; the border has no neighbours outside.

    Args:
        instances: (batch, 1, H, W).

    Returns:
        (batch, 1, H, W), of the same type, 0 or 1.
    """
    edges = torch.zeros_like(instances, dtype=torch.bool)
    beside = instances[..., :, 1:] != instances[..., :, :-1]
    above = instances[..., 1:, :] != instances[..., :-1, :]
    edges[..., :, 1:] |= beside
    edges[..., :, :-1] |= beside
    edges[..., 1:, :] |= above
    edges[..., :-1, :] |= above
    return edges.to(instances.dtype)


def semantics(condition: Tensor, classes: int) -> Tensor:
    """One channel per class and, if the condition has instance numbers, one with their edges.

    Args:
        condition: (batch, 1 or 2, H, W), whole numbers: classes 0..classes-1, instance numbers.
        classes: how many, the one of unlabelled pixels included.

    Returns:
        (batch, classes or classes + 1, H, W) of zeros and ones, of the condition's type.
    """
    shape = (condition.shape[0], classes, *condition.shape[2:])
    one_hot = condition.new_zeros(shape).scatter_(1, condition[:, :1].long(), 1)
    return one_hot if condition.shape[1] == 1 else torch.cat([one_hot, instance_edges(condition[:, 1:])], dim=1)
