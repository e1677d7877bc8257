"""The step of a run on several ranks as its first rank makes it: it says which one, and the others make it too.

The first rank does all that a run does (bench/run/execute.py) and alone writes; the others (bench/run/follow.py) make steps.
"""

from __future__ import annotations

import time
from types import TracebackType

import torch
import torch.distributed as dist
from torch import Tensor

from bench.base import collective
from bench.base.errors import BenchError
from bench.plugin.method import Method, StepContext
from bench.run.other_ranks import END_SECONDS, NO_MEMORY, OtherRanks
from bench.run.ranked_step import RankedStep
from bench.schema.run_spec import RunSpec


class LedStep:
    """Makes steps with the other ranks, which it meets before the first one; a context manager, on whose exit it leaves.

    Args:
        spec: the run.
        method: on the device.
        others: its other ranks, started.

    Raises:
        BenchError: they were not started.
    """

    def __init__(self, spec: RunSpec, method: Method, others: OtherRanks | None) -> None:
        if others is None or others.count != spec.ranks.count:
            raise BenchError(
                f"run {spec.train_key} is of {spec.ranks.count} ranks; do it by: contrastbench run {spec.train_key}"
            )
        self.spec, self.method, self.others = spec, method, others
        self._step: RankedStep | None = None

    def __enter__(self) -> LedStep:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.others.end()
        if self._step is not None:
            collective.leave()

    def __call__(self, batch: dict[str, Tensor], context: StepContext) -> dict[str, Tensor]:
        """See `RankedStep`.

        Raises:
            RankLost: another rank has ended.
            torch.OutOfMemoryError: so it has, for lack of its device's memory.
        """
        try:
            if self._step is None:
                self._step = self._meet()
            collective.told_by_first(context.step)
            return self._step(batch, context)
        except RuntimeError as error:
            if not _is_broken_off(error):
                raise
            deadline = time.monotonic() + END_SECONDS
            while time.monotonic() < deadline:
                self._require_all(error)
                time.sleep(0.05)
            raise

    def _meet(self) -> RankedStep:
        ranks = self.spec.ranks
        self.others.wait_until_ready()
        self._require_all()
        collective.join(self.others.meeting, 0, ranks.count, ranks.per_rank, self.spec.device)
        print(f"{ranks.count} ranks make each step; steps are not recorded as a graph", flush=True)
        return RankedStep(self.method, self.spec.precision)

    def _require_all(self, cause: BaseException | None = None) -> None:
        """Say which rank is lost, if one is."""
        for rank in self.others.ranks:
            if rank.process.exitcode == NO_MEMORY:
                raise torch.OutOfMemoryError(f"rank {rank.rank}: {rank.last_line}") from cause
            if rank.process.exitcode is not None:
                raise rank.lost(self.spec.train_key) from cause


def _is_broken_off(error: RuntimeError) -> bool:
    """Whether an exchange between ranks failed; gloo's errors have no type of their own."""
    return isinstance(error, dist.DistError) or "gloo" in str(error)
