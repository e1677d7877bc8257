"""KID as it is printed: the mean of the unbiased kernel distance over random subsets, in the two dialects that are in use.

Both draw 100 subsets without replacement from NumPy's legacy streams; which ones decides the third digit of a printed KID.
Sources: torch-fidelity 0.4.0 `metric_kid.py`; clean-fid 0.1.35 `fid.py`.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from bench.base.errors import BenchError
from bench.metrics.kernel import polynomial_kernel

Dialect = Literal["torch-fidelity", "clean-fid"]
SUBSETS, MOST = 100, 1000
TORCH_FIDELITY_SEED = 2020  # its default; clean-fid draws from the global state, which nobody seeds


def subset_distances(
    fake: np.ndarray,
    real: np.ndarray,
    dialect: Dialect,
    subsets: int = SUBSETS,
    size: int = MOST,
    seed: int = TORCH_FIDELITY_SEED,
) -> np.ndarray:
    """The unbiased squared MMD of each random subset.

    Args:
        fake: (n, d) features of the images to score.
        real: (m, d) features of real images.
        dialect: torch-fidelity refuses sets smaller than a subset; clean-fid makes subsets as large as the smaller set at
            most.
        subsets: how many.
        size: of each.
        seed: of the legacy stream.

    Returns:
        (subsets,) float64; KID is their mean.

    Raises:
        BenchError: a set is too small.
    """
    x, y = np.asarray(fake, np.float64), np.asarray(real, np.float64)
    smaller = min(len(x), len(y))
    if dialect == "torch-fidelity" and smaller < size:
        raise BenchError(
            f"torch-fidelity's KID needs {size} images a side, got {len(x)} and {len(y)}; score more, or set subset_size"
        )
    drawn = min(size, smaller)
    if drawn < 2:
        raise BenchError(f"a kernel distance needs at least 2 images a side, got {len(x)} and {len(y)}; score more")
    stream = np.random.RandomState(seed)
    distances = []
    for _ in range(subsets):
        of_fake = stream.choice(len(x), drawn, replace=False)  # both programs draw these first
        of_real = stream.choice(len(y), drawn, replace=False)
        distances.append(_unbiased(x[of_fake], y[of_real]))
    return np.array(distances)


def _unbiased(x: np.ndarray, y: np.ndarray) -> float:
    m = len(x)
    within = sum(
        float(kernel.sum() - np.trace(kernel)) for kernel in (polynomial_kernel(x, x), polynomial_kernel(y, y))
    )
    return within / (m * (m - 1)) - 2 * float(polynomial_kernel(x, y).mean())
