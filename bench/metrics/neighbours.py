"""Sets of features as manifolds of balls around their points: precision, recall, density and coverage.

A point's ball reaches to its k-th nearest neighbour in its own set. Two conventions are in use for points at exactly the
radius: the programs of NVIDIA and torch-fidelity count them as inside, PRDC's does not. They are not mixed here.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.base.errors import BenchError

BLOCK = 1024  # rows of the distance matrix in memory at once


def radii(points: np.ndarray, k: int) -> np.ndarray:
    """The distance of each point to its k-th nearest neighbour, itself excluded.

    Args:
        points: (n, d), n above k.
        k: 1 or more.

    Returns:
        (n,) float64.

    Raises:
        BenchError: there are too few points, or one is not finite.
    """
    points = _checked(points)
    if not 1 <= k < len(points):
        raise BenchError(f"the {k}th neighbour needs at least {k + 1} images a side, got {len(points)}; score more")
    found = np.empty(len(points))
    for start, distances in _distances(points, points):
        rows = np.arange(len(distances))
        distances[rows, start + rows] = np.inf  # a copy of the point counts, the point itself does not
        found[start : start + len(distances)] = np.partition(distances, k - 1, axis=1)[:, k - 1]
    return found


def precision_recall(fake: np.ndarray, real: np.ndarray, k: int, strict: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Improved precision and recall (Kynkaanniemi et al. 2019, Improved Precision and Recall Metric, section 2).

    Args:
        fake: (n, d) features of the images to score; swapped arguments swap the two results.
        real: (m, d) features of real images.
        k: neighbours that a ball reaches to; the paper's 3.
        strict: whether a point at exactly the radius is outside, as in PRDC; inside, as in NVIDIA's program and
            torch-fidelity, if not.

    Returns:
        (n,) bool, which fake images lie in the manifold of the real ones, and (m,) bool the other way round: their means
        are precision and recall.

    Raises:
        BenchError: there are too few points, they are of different dimensions or not finite.
    """
    fake, real = _checked(fake), _checked(real)
    of_fake, of_real = radii(fake, k), radii(real, k)
    within = np.less if strict else np.less_equal
    in_real, in_fake = np.zeros(len(fake), bool), np.zeros(len(real), bool)
    for start, distances in _distances(fake, real):
        rows = slice(start, start + len(distances))
        in_real[rows] = within(distances, of_real).any(axis=1)
        in_fake |= within(distances, of_fake[rows, None]).any(axis=0)
    return in_real, in_fake


def density_coverage(fake: np.ndarray, real: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Density and coverage (Naeem et al. 2020, Reliable Fidelity and Diversity Metrics, section 3).

    Args:
        fake: (n, d) features of the images to score.
        real: (m, d) features of real images.
        k: neighbours that a real image's ball reaches to; PRDC's 5.

    Returns:
        (n,) float64, in how many balls of real images each fake one lies, divided by k, and (m,) bool, which real images'
        balls hold a fake one: their means are density, which may exceed 1, and coverage. A point at exactly the radius is
        outside, as in the authors' program (PRDC).

    Raises:
        BenchError: as of `precision_recall`.
    """
    fake, real = _checked(fake), _checked(real)
    of_real = radii(real, k)
    balls, covered = np.empty(len(fake)), np.zeros(len(real), bool)
    for start, distances in _distances(fake, real):
        inside = distances < of_real
        balls[start : start + len(distances)] = inside.sum(axis=1) / k
        covered |= inside.any(axis=0)
    return balls, covered


def _checked(points: np.ndarray) -> np.ndarray:
    points = np.asarray(points, np.float64)
    if not np.isfinite(points).all():
        raise BenchError("features are not finite; delete the feature cache and score again")
    return points


def _distances(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Rows of the matrix of Euclidean distances, a block at a time, with the number of the first."""
    if x.shape[1] != y.shape[1]:
        raise BenchError(f"features of {x.shape[1]} and {y.shape[1]} dimensions; take both from one extractor")
    squares_y = np.square(y).sum(axis=1)
    for start in range(0, len(x), BLOCK):
        block = x[start : start + BLOCK]
        squares = np.square(block).sum(axis=1)[:, None] + squares_y - 2 * block @ y.T
        yield start, np.sqrt(np.maximum(squares, 0.0))  # equal points may come out a rounding below 0
