"""The draws of a recorded training step in the place of a run's random streams (format: bench/checks/replay/replay.py)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from math import prod

import numpy as np
import torch
from torch import Tensor

from bench.base.errors import BenchError
from bench.base.randomness import Draws

DRAWN = re.compile(r"(?:patch_ids|noise|uniform|index)_\d+|flipped")
NAMED_DRAW = "draw_"


class RecordedDraws(Draws):
    """The draws of one recorded step, handed out in the order in which they were recorded, each exactly once.

    Args:
        record: the whole record.
        step: which step's draws.
        dtype: of normal numbers, whatever the caller asks for, so that a replay is of one precision.

    Raises:
        BenchError: from a draw that the record does not have or that has another size.
    """

    def __init__(self, record: Mapping[str, Tensor], step: int, dtype: torch.dtype = torch.float64) -> None:
        super().__init__(seed=0)
        self.step = step
        self.dtype = dtype
        self._left: defaultdict[str, list[tuple[str, Tensor]]] = defaultdict(list)
        prefix = f"step{step}/"
        named = f"{prefix}{NAMED_DRAW}"
        self._named = {key.removeprefix(named): key for key in record if key.startswith(named)}
        self._record = record
        own = [key for key in record if key.startswith(prefix) and DRAWN.fullmatch(key.removeprefix(prefix))]
        for key in sorted(own, key=lambda key: (len(key), key)):  # ..._99 comes before ..._100
            self._left[re.sub(r"_\d+$", "", key.removeprefix(prefix))].append((key, record[key]))

    def _take(self, kind: str, name: str) -> tuple[str, Tensor]:
        if not self._left[kind]:
            raise BenchError(
                f"step {self.step}: the method draws '{name}', but the record has no step{self.step}/{kind} left; "
                "it was made by another method or configuration"
            )
        return self._left[kind].pop(0)

    def permutation(self, name: str, n: int, count: int | None = None) -> Tensor:
        """The next recorded ids, checked against what was asked for."""
        key, ids = self._take("patch_ids", name)
        ids = ids.reshape(-1)
        size = n if count is None else min(count, n)
        if tuple(ids.shape) != (size,) or int(ids.min()) < 0 or int(ids.max()) >= n:
            raise BenchError(
                f"{key}: the method draws {size} of {n} positions, the record has {tuple(ids.shape)} "
                f"in {int(ids.min())}..{int(ids.max())}; check num_patches and the image size"
            )
        return ids.long()

    def normal(self, name: str, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Tensor:
        """The noise recorded for this purpose, or else the next one, in the replay's precision."""
        if name in self._named:
            key = self._named[name]
            noise = self._record[key][: shape[0]].to(self.dtype)
        else:
            key, noise = self._take("noise", name)
            noise = noise.to(self.dtype)
        if noise.numel() == prod(shape):
            return noise.reshape(shape)
        if noise.ndim == len(shape) and noise.shape[0] == 1 and tuple(noise.shape[1:]) == tuple(shape[1:]):
            return noise.expand(shape).clone()
        raise BenchError(f"{key}: the method draws noise of shape {tuple(shape)}, the record has {tuple(noise.shape)}")

    def bernoulli(self, name: str, p: float = 0.5) -> bool:
        """The recorded flip."""
        return bool(self._take("flipped", name)[1].item())

    def uniform(self, name: str) -> float:
        """The next recorded uniform number."""
        return float(self._take("uniform", name)[1].item())

    def integer(self, name: str, high: int) -> int:
        """The next recorded index."""
        key, value = self._take("index", name)
        index = int(value.item())
        if not 0 <= index < high:
            raise BenchError(f"{key}: the method draws an index below {high}, the record has {index}")
        return index

    def stream(self, purpose: str) -> np.random.Generator:
        """Refuses draws that a record cannot hold.

        Raises:
            BenchError: always.
        """
        raise BenchError(f"step {self.step}: the method draws '{purpose}' in a way that records do not hold")

    def finish(self) -> None:
        """Check that the step used everything that was recorded for it.

        Raises:
            BenchError: if draws are left.
        """
        # a record may hold a false `flipped` for a method that never mirrors
        unused = [key for kind, draws in self._left.items() for key, value in draws if kind != "flipped" or value.any()]
        if unused:
            raise BenchError(f"the method never used {', '.join(unused)}; it draws less than the recorded one")
