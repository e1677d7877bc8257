"""The unbiased squared maximum mean discrepancy with the kernel of KID, and each image's leave-one-out value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.base.errors import BenchError

BLOCK = 1024  # rows of the kernel matrix in memory at once


@dataclass(frozen=True)
class Discrepancy:
    """The discrepancy and what it would be without each image.

    Attributes:
        value: unbiased, so it may be negative.
        without_x: (n,) the value with image i of the first set left out.
        without_y: (m,) the same for the second set.
    """

    value: float
    without_x: np.ndarray
    without_y: np.ndarray


def polynomial_kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The cubic kernel (x.y / d + 1)^3 between all rows (Binkowski et al., Demystifying MMD GANs, 2018, section 4).

    Args:
        x: (n, d).
        y: (m, d).

    Returns:
        (n, m).
    """
    return (x @ y.T / x.shape[1] + 1) ** 3


def kernel_discrepancy(features_x: np.ndarray, features_y: np.ndarray) -> Discrepancy:
    """Compute the unbiased MMD^2 over all images (Gretton et al. 2012, eq. 3).

    KID as usually printed averages this over random subsets; over all images it has the same expectation, less
    noise, and no random numbers.

    Args:
        features_x: (n, d), n at least 3.
        features_y: (m, d), m at least 3.

    Returns:
        Value and leave-one-out values.

    Raises:
        BenchError: if a set is too small, the dimensions differ or a value is not finite.
    """
    x, y = np.asarray(features_x, np.float64), np.asarray(features_y, np.float64)
    if min(len(x), len(y)) < 3:
        raise BenchError(f"a kernel distance needs at least 3 images a side, got {len(x)} and {len(y)}; score more")
    if x.shape[1] != y.shape[1]:
        raise BenchError(f"features of {x.shape[1]} and {y.shape[1]} dimensions; take both from one extractor")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise BenchError("features are not finite; delete the feature cache and score again")
    n, m = len(x), len(y)
    within_x, within_y = _sums_without_diagonal(x), _sums_without_diagonal(y)
    across_x, across_y = _kernel_sums(x, y)
    total_x, total_y, total = within_x.sum(), within_y.sum(), across_x.sum()

    value = total_x / (n * (n - 1)) + total_y / (m * (m - 1)) - 2 * total / (n * m)
    # image i takes its row and its column out of its own set's sum, and its row out of the cross sum
    without_x = (
        (total_x - 2 * within_x) / ((n - 1) * (n - 2))
        + total_y / (m * (m - 1))
        - 2 * (total - across_x) / ((n - 1) * m)
    )
    without_y = (
        total_x / (n * (n - 1))
        + (total_y - 2 * within_y) / ((m - 1) * (m - 2))
        - 2 * (total - across_y) / (n * (m - 1))
    )
    return Discrepancy(float(value), without_x, without_y)


def _kernel_sums(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row and column sums of the kernel matrix between two sets."""
    rows, columns = np.empty(len(x)), np.zeros(len(y))
    for start in range(0, len(x), BLOCK):
        block = polynomial_kernel(x[start : start + BLOCK], y)
        rows[start : start + BLOCK] = block.sum(axis=1)
        columns += block.sum(axis=0)
    return rows, columns


def _sums_without_diagonal(x: np.ndarray) -> np.ndarray:
    """Row sums of the kernel matrix of one set without its diagonal."""
    itself = (np.square(x).sum(axis=1) / x.shape[1] + 1) ** 3
    return _kernel_sums(x, x)[0] - itself
