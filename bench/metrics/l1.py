"""L1: how far a translated image is from its aligned truth, pixel by pixel."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.metrics.aligned import pairs
from bench.metrics.intervals import mean_interval
from bench.metrics.metric import Metric, MetricSettings, ScoredImages
from bench.schema.cell import Interval


def mean_absolute_difference(fake: np.ndarray, truth: np.ndarray) -> float:
    """Mean over pixels and channels of |fake - truth|, for images (H, W, 3) in [0, 1]."""
    return float(np.mean(np.abs(fake - truth)))


class L1(Metric):
    """Mean absolute difference to the aligned truth; every image counts the same."""

    name = "L1"
    higher_is_better = False
    description = "mean absolute difference to the aligned truth, images in [0, 1]"
    revision = 1

    def prepare(self, images: ScoredImages, settings: MetricSettings) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pairs of translated image and truth."""
        return pairs(images)

    def measure(
        self, inputs: Iterator[tuple[np.ndarray, np.ndarray]], settings: MetricSettings
    ) -> tuple[float, Interval | None]:
        """The mean over images and its t interval."""
        values = np.array([mean_absolute_difference(fake, truth) for fake, truth in inputs])
        return float(values.mean()), mean_interval(values)
