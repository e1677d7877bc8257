"""What a step computes over all ranks of its run; in a run of one process, and outside of steps, nothing is done here.

Of N ranks, rank k has the items k, k + N, k + 2 N, ... of the batch, and all hold the same weights. The loss of a run is the
mean of its ranks' losses: `average_gradients` makes its gradient, and `mean` and `gathered` pass gradients to the ranks that
their inputs came from. Both can be differentiated twice, which gradient penalties need.

A step that calls these in the same order on every rank is exact: docs/several-devices.md says what that means.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.optim import Optimizer

# a rank that is gone breaks the connection at once; one that waits while the first scores a checkpoint waits for hours
PATIENCE = timedelta(days=30)
_per_rank: frozenset[str] = frozenset()
_is_stepping = False


def join(meeting: Path, rank: int, count: int, per_rank: Iterable[str] = (), device: str = "cpu") -> None:
    """Become one of the ranks of a run on this machine; returns once all have joined.

    On cards each rank has chosen its own (`torch.cuda.set_device`) before.

    Args:
        meeting: a file that only they use, through which they find each other; it need not exist.
        rank: 0 to count - 1.
        count: how many there are.
        per_rank: what each computes over its own part of the batch alone (bench/base/ranks.py).
        device: type of device.
    """
    global _per_rank
    if sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # a machine's name need not lead to itself
    backend = "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo"
    dist.init_process_group(
        backend, init_method=meeting.absolute().as_uri(), rank=rank, world_size=count, timeout=PATIENCE
    )
    _per_rank = frozenset(per_rank)


def leave() -> None:
    """Be a run of one process again."""
    global _per_rank
    _per_rank = frozenset()
    dist.destroy_process_group()


@contextmanager
def together() -> Iterator[None]:
    """A step that all ranks make; outside of it a rank is by itself, as when the first one scores a checkpoint."""
    global _is_stepping
    before, _is_stepping = _is_stepping, dist.is_available() and dist.is_initialized()
    try:
        yield
    finally:
        _is_stepping = before


def count() -> int:
    """How many ranks make this step."""
    return dist.get_world_size() if _is_stepping else 1


def rank() -> int:
    """Which of them this process is."""
    return dist.get_rank() if _is_stepping else 0


def is_shared(computation: str) -> bool:
    """Whether something is computed over the parts of several ranks.

    Args:
        computation: one of `PerRank` (bench/base/ranks.py).
    """
    return count() > 1 and computation not in _per_rank


def own(whole: Tensor) -> Tensor:
    """This rank's part of something with an entry for each item of the batch.

    Raises:
        ValueError: the entries do not divide among the ranks.
    """
    if len(whole) % count():
        raise ValueError(f"{len(whole)} entries do not divide among {count()} ranks")
    return whole[rank() :: count()].contiguous() if count() > 1 else whole


def gathered(part: Tensor) -> Tensor:
    """The whole of which every rank has its part, in the order of the batch; differentiable."""
    if count() == 1:
        return part
    # a sum with zeros is exact, and its transpose is a sum again
    slots = [part if place == rank() else torch.zeros_like(part) for place in range(count())]
    return _sum(torch.stack(slots, dim=1)).flatten(0, 1)


def mean(value: Tensor) -> Tensor:
    """The mean over all ranks of one value each, of any shape; differentiable."""
    return value if count() == 1 else _sum(value) / count()


class _Sum(torch.autograd.Function):
    """The sum over all ranks. What each rank's loss owes to it goes back to all of them: the transpose is a sum too."""

    @staticmethod
    def forward(context: Any, value: Tensor) -> Tensor:
        total = value.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        return _sum(gradients[0])


def _sum(value: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(value)
    return total


def average_gradients(*optimizers: Optimizer) -> None:
    """Make every gradient that optimizers are about to use its mean over all ranks."""
    if count() == 1:
        return
    parameters = (p for optimizer in optimizers for group in optimizer.param_groups for p in group["params"])
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    together = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(together)
    together /= count()
    for gradient, averaged in zip(gradients, together.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(averaged.view_as(gradient))


def are_equal(tensors: Iterable[Tensor]) -> bool:
    """Whether all ranks hold the same tensors, as far as their sums tell; waits for the device."""
    if count() == 1:
        return True
    digest = torch.stack([tensor.detach().double().sum() for tensor in tensors]).cpu()
    low, high = digest.clone(), digest.clone()
    dist.all_reduce(low, dist.ReduceOp.MIN)
    dist.all_reduce(high, dist.ReduceOp.MAX)
    return torch.equal(low, high)


def told_by_first(number: int = 0) -> int:
    """A number of the first rank's, on every rank; the others wait for it on the host.

    Args:
        number: what the first rank says; the others' is ignored.
    """
    said = torch.tensor(number)
    dist.broadcast(said, src=0)
    return int(said)
