"""Reflecting and replicating borders whose gradient is the same in every run on a card, too.

torch's own gradient of `reflect` adds with atomic operations on CUDA, in an order that differs from run to run, and it has
no other; that of `replicate` then goes through sorted indices, many times slower. Here both are sums of slices, where torch
has been asked for deterministic algorithms; everywhere else it is torch's.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Border = Literal["reflect", "replicate"]


def pad(features: Tensor, width: int, border: Border) -> Tensor:
    """Continue (batch, C, H, W) by `width` pixels on each side.

    Args:
        features: H and W larger than `width` where the border reflects.
        width: at least 1.
        border: `reflect`: mirrored at the outermost pixels, which are not repeated; `replicate`: those repeated.
    """
    if features.is_cuda and torch.are_deterministic_algorithms_enabled():
        return summed_slices(features, width, border)
    return F.pad(features, [width] * 4, mode=border)


class ReflectionPad2d(nn.ReflectionPad2d):
    """torch's layer of that name, with the gradient of `pad`."""

    def forward(self, features: Tensor) -> Tensor:
        """Map (batch, C, H, W) to (batch, C, H + 2 padding, W + 2 padding)."""
        return pad(features, self.padding[0], "reflect")


def summed_slices(features: Tensor, width: int, border: Border) -> Tensor:
    """`pad`, its gradient always as a sum of slices."""
    padded: Tensor = _Pad.apply(features, width, border)
    return padded


class _Pad(torch.autograd.Function):
    """torch's values; the gradient's own gradient is right as well, since it is made of differentiable operations."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, width: int, border: Border) -> Tensor:
        ctx.width, ctx.border = width, border
        # F.pad would take the slow way of `replicate` here, although no gradient is asked of it
        padded = torch.ops.aten.reflection_pad2d if border == "reflect" else torch.ops.aten.replication_pad2d
        return padded(features, [width] * 4)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        gradient = gradients[0]
        for dim in (2, 3):
            gradient = _folded(gradient, dim, ctx.width, ctx.border)
        return gradient, None, None


def _folded(gradient: Tensor, dim: int, width: int, border: Border) -> Tensor:
    """What the border's pixels give is added to the pixels that they are copies of."""
    size = gradient.shape[dim] - 2 * width
    before, inner, after = gradient.split([width, size, width], dim)
    inner = inner.clone()
    if border == "replicate":
        first, last = 0, size - 1
        before, after = (part.sum(dim, keepdim=True) if width > 1 else part for part in (before, after))
    else:
        first, last = 1, size - 1 - width
        before, after = (part.flip(dim) if width > 1 else part for part in (before, after))
    inner.narrow(dim, first, before.shape[dim]).add_(before)
    inner.narrow(dim, last, after.shape[dim]).add_(after)
    return inner
