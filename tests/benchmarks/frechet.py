"""Frechet distance: this project's against pytorch-fid's function, in one process, each timed once."""

import time

import numpy as np
from pytorch_fid.fid_score import calculate_frechet_distance

from bench.metrics.frechet import frechet_distance

SIZES = ((120, 140), (500, 500), (5000, 5000))
DIMENSIONS = 2048


def run(sizes: tuple[tuple[int, int], ...] = SIZES, dimensions: int = DIMENSIONS) -> list[dict[str, float | int]]:
    """Time both on Gaussian features with a decaying spectrum.

    pytorch-fid's time includes its covariances, as ours does. Its matrix root takes minutes where it is singular.

    Args:
        sizes: images of the two sets.
        dimensions: features per image.

    Returns:
        One row per size: seconds of each (ours with every image's influence), both values, their difference.
    """
    rng = np.random.default_rng(0)
    spectrum = np.arange(1, dimensions + 1) ** -0.5
    rows = []
    for n1, n2 in sizes:
        x, y = rng.standard_normal((n1, dimensions)) * spectrum, rng.standard_normal((n2, dimensions)) * 1.1 * spectrum
        ours, seconds = _timed(lambda x=x, y=y: frechet_distance(x, y).value)
        theirs, their_seconds = _timed(lambda x=x, y=y: _pytorch_fid(x, y))
        rows.append(
            {
                "n1": n1,
                "n2": n2,
                "dimensions": dimensions,
                "seconds": seconds,
                "seconds_pytorch_fid": their_seconds,
                "times_faster": their_seconds / seconds,
                "value": ours,
                "value_pytorch_fid": theirs,
                "relative_difference": abs(ours - theirs) / theirs,
            }
        )
    return rows


def _pytorch_fid(x, y):
    return float(calculate_frechet_distance(x.mean(0), np.cov(x, rowvar=False), y.mean(0), np.cov(y, rowvar=False)))


def _timed(function):
    start = time.perf_counter()
    result = function()
    return result, time.perf_counter() - start
