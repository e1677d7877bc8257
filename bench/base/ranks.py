"""One run on several devices: how many processes make it, its ranks, and what each of them keeps to itself.

`--ranks N`: every rank holds the same weights and takes a part of the batch; what a step computes over its batch is computed
over the whole of it, so that the mathematics does not depend on N. `--per-rank NAME` takes one of these computations over
each rank's part alone, as programs do that leave it to torch's replicas: a deviation. Both are part of a run's key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast, get_args

from bench.base.errors import UsageError
from bench.base.validation import Strict

PerRank = Literal["contrast_batch", "minibatch_stddev", "batch_norm"]


class Ranks(Strict):
    """The processes of one run.

    Attributes:
        count: how many; 1: the run is one process.
        per_rank: what each computes over its own part of the batch alone.
    """

    count: int = 1
    per_rank: tuple[PerRank, ...] = ()

    @property
    def deviations(self) -> list[str]:
        """What such a run does not do as published, one line each."""
        return [f"{name} whole batch -> per rank of {self.count}" for name in self.per_rank]

    @property
    def text(self) -> str:
        """In words: how many, and what each computes alone."""
        return f"{self.count}" + (f", each its {', '.join(self.per_rank)}" if self.per_rank else "")

    def refusal(self, method: str, across_ranks: bool, batch_size: int) -> str:
        """Why a method's runs cannot be made so, in one line; empty if they can.

        Args:
            method: its name.
            across_ranks: whether it says that its steps may be made so.
            batch_size: of its configuration.
        """
        option = f"--ranks {self.count}"
        if self.count == 1:
            return ""
        if not across_ranks:
            return f"{option}: method {method} makes its steps in one process; leave --ranks out, or choose by --method"
        if batch_size % self.count:
            return f"{option}: does not divide method {method}'s batch_size {batch_size}; change one of them"
        return ""


ONE = Ranks()


def chosen_ranks(count: int, per_rank: Sequence[str] = ()) -> Ranks:
    """The ranks that runs are planned for.

    Args:
        count: the value of `--ranks`, 1 or more.
        per_rank: the values of `--per-rank`.

    Raises:
        UsageError: there is no such computation, or there is one rank.
    """
    known = get_args(PerRank)
    if strange := [name for name in per_rank if name not in known]:
        raise UsageError(f"--per-rank {strange[0]}: is nothing that ranks share; write {', '.join(known)}")
    if per_rank and count == 1:
        raise UsageError(f"--per-rank {per_rank[0]}: needs several ranks; add --ranks 2 or more")
    return Ranks(count=count, per_rank=cast(tuple[PerRank, ...], tuple(sorted(set(per_rank)))))
