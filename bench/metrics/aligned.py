"""What metrics of pixels have in common: translated images next to their aligned truth, one number for each."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from bench.base.errors import BenchError
from bench.metrics.intervals import mean_interval
from bench.metrics.metric import Metric, MetricSettings, ScoredImages
from bench.schema.cell import Interval


def pairs(images: ScoredImages) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Go through the translated images and their truth, one pair in memory at a time.

    Args:
        images: what to score.

    Yields:
        fake and truth, float64 (H, W, 3) in [0, 1].

    Raises:
        NotAvailable: if there is no aligned truth.
        BenchError: if the sets or two images differ in size.
    """
    truth = images.aligned()
    for index, name in enumerate(images.fake.names):
        fake, real = images.fake.pixels(index), truth.pixels(index)
        if fake.shape != real.shape:
            raise BenchError(f"'{name}' is {fake.shape[:2]} pixels, its truth {real.shape[:2]}; make both of one size")
        yield fake / 255.0, real / 255.0


class PerImageMetric(Metric):
    """A number of each translated image and its truth; every image counts the same."""

    needs_truth: ClassVar[bool] = True

    @staticmethod
    @abstractmethod
    def of_pair(fake: np.ndarray, truth: np.ndarray) -> float:
        """The number of one image (H, W, 3) in [0, 1] and its truth of the same size."""

    def prepare(self, images: ScoredImages, settings: MetricSettings) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pairs of translated image and truth."""
        return pairs(images)

    def measure(
        self, inputs: Iterator[tuple[np.ndarray, np.ndarray]], settings: MetricSettings
    ) -> tuple[float, Interval | None]:
        """The mean over images and its t interval."""
        values = np.array([self.of_pair(fake, truth) for fake, truth in inputs])
        return float(values.mean()), mean_interval(values)
