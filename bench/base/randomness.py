"""Every random number of a run comes from here: streams keyed by (seed, purpose, step, call, rank).

A stream is made afresh from its key each time, so nothing has to be saved to resume exactly, and a draw never depends
on how many draws something else made before it. Purposes carry no method name: two methods with one seed see the same
images, crops and flips, which is what makes a comparison paired.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from copy import copy
from typing import Self

import numpy as np
import torch


def _key(*parts: object) -> np.ndarray:
    """Hash a stream's key into the 128 bits that Philox takes."""
    text = "\x1f".join(str(part) for part in parts)
    return np.frombuffer(hashlib.blake2b(text.encode(), digest_size=16).digest(), dtype=np.uint64)


class Draws:
    """The random draws of one step of one run.

    A second draw for the same purpose is `call` 1, and so on; `at(step)` gives the draws of another step, with counters
    of their own. All results live on the CPU; callers move them.

    Args:
        seed: the run's seed.
        rank: the process's rank inside a distributed run.
    """

    def __init__(self, seed: int, rank: int = 0) -> None:
        self.seed = seed
        self.rank = rank
        self.step = 0
        self._calls: defaultdict[str, int] = defaultdict(int)

    def at(self, step: int) -> Self:
        """The draws of `step` (0-based; epochs for per-epoch streams), none of them made yet; these stay as they are."""
        draws = copy(self)
        draws.step = step
        draws._calls = defaultdict(int)
        return draws

    def stream(self, purpose: str) -> np.random.Generator:
        """A fresh numpy generator for the next call of `purpose` at this step."""
        call = self._calls[purpose]
        self._calls[purpose] += 1
        return np.random.Generator(np.random.Philox(key=_key(self.seed, purpose, self.step, call, self.rank)))

    def permutation(self, name: str, n: int, count: int | None = None) -> torch.Tensor:
        """The first `count` entries (all if None or larger) of a uniform random permutation of 0..n-1, as int64."""
        size = n if count is None else min(count, n)
        ids = self.stream(name).choice(n, size=size, replace=False, shuffle=True)
        return torch.from_numpy(ids.astype(np.int64, copy=False))

    def normal(self, name: str, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """Standard normal numbers of `shape`."""
        return torch.from_numpy(self.stream(name).standard_normal(shape)).to(dtype)

    def bernoulli(self, name: str, p: float = 0.5) -> bool:
        """True with probability `p`."""
        return bool(self.stream(name).random() < p)

    def uniform(self, name: str) -> float:
        """A number in [0, 1)."""
        return float(self.stream(name).random())

    def integer(self, name: str, high: int) -> int:
        """An integer in 0..high-1."""
        return int(self.stream(name).integers(high))

    def generator(self, name: str) -> torch.Generator:
        """A CPU torch generator for code that takes one (weight initialisation)."""
        seed = int(self.stream(name).integers(2**63 - 1))
        return torch.Generator().manual_seed(seed)
