"""The losses of a run: a window of steps on the device, and the append-only file of their means."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.base.errors import BenchError
from bench.base.sealed import Damaged
from bench.base.storage import explained
from bench.ledger.losses import CHAIN, WAY_OUT, LossChain, read_losses
from bench.schema.records import LossSeal


class NonFinite(BenchError):
    """A loss or a weight is not a finite number any more."""


class LossLog:
    """The run's append-only `metrics.jsonl`: one JSON object a line, no clock times, so that reruns compare equal.

    Args:
        path: the file, in the run's folder; the folder's name, the train key, joins the chain of its rows.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._chain: LossChain | None = None

    def append(self, row: dict[str, Any]) -> None:
        """Add one row, linked to those before it."""
        if self._chain is None:
            self._chain = self._checked()
        line = json.dumps(row | {CHAIN: self._chain.link(row)}).encode() + b"\n"
        with explained(self.path), self.path.open("ab") as file:
            file.write(line)
        self._chain.add(line)

    def seal(self) -> LossSeal:
        """What the log holds now, for the run's result.

        Raises:
            Damaged: a row is not what was written.
        """
        return self._checked().seal()

    def _checked(self, length: int | None = None) -> LossChain:
        return read_losses(self.path, self.path.parent.name, length)[1]

    def length(self) -> int:
        """Bytes so far."""
        return self.path.stat().st_size if self.path.exists() else 0

    def truncate(self, length: int) -> None:
        """Cut back to a checkpoint's length.

        Raises:
            BenchError: if the file is shorter than that, so rows are missing that nothing can bring back.
            Damaged: a row before that is not what was written.
        """
        if self.length() < length:
            raise BenchError(f"{self.path}: shorter than its checkpoint says; remove the run's folder and run again")
        self._chain = self._checked(length)
        if self._chain.length != length:
            raise Damaged(f"{self.path}: its checkpoint was not taken at the end of a line; {WAY_OUT}")
        with explained(self.path), self.path.open("ab") as file:
            file.truncate(length)


@dataclass
class Window:
    """Losses since the last row: first as tensors on the device, then as numbers once someone needs them."""

    first_step: int
    rows: list[dict[str, float]] = field(default_factory=list)
    tensors: list[dict[str, Tensor]] = field(default_factory=list)

    def settle(self) -> None:
        """Bring the pending losses to the host in one transfer and check that they are finite.

        Raises:
            NonFinite: naming the first bad step and its losses.
        """
        if not self.tensors:
            return
        flat = torch.stack([value.double() for losses in self.tensors for value in losses.values()]).tolist()
        numbers = iter(flat)
        for losses in self.tensors:
            self.rows.append({name: next(numbers) for name in losses})
            bad = [name for name, value in self.rows[-1].items() if not math.isfinite(value)]
            if bad:
                step = self.first_step + len(self.rows) - 1
                raise NonFinite(
                    f"loss {', '.join(bad)} is not finite at step {step}; the last good checkpoint is kept; "
                    "lower the learning rate or mend the loss"
                )
        self.tensors = []

    def means(self) -> dict[str, float]:
        """The mean of each loss over the steps that reported it."""
        names = dict.fromkeys(name for row in self.rows for name in row)
        return {name: _mean([row[name] for row in self.rows if name in row]) for name in names}


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)
