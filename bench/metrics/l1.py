"""L1: how far a translated image is from its aligned truth, pixel by pixel."""

from __future__ import annotations

import numpy as np

from bench.metrics.aligned import PerImageMetric


def mean_absolute_difference(fake: np.ndarray, truth: np.ndarray) -> float:
    """Mean over pixels and channels of |fake - truth|, for images (H, W, 3) in [0, 1]."""
    return float(np.mean(np.abs(fake - truth)))


class L1(PerImageMetric):
    """Mean absolute difference to the aligned truth; every image counts the same."""

    name = "L1"
    higher_is_better = False
    description = "mean absolute difference to the aligned truth, images in [0, 1]"
    revision = 1
    of_pair = staticmethod(mean_absolute_difference)
