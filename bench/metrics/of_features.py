"""What metrics of feature sets have in common: features of the fake and of the real images in, a distance out."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from bench.features.extractor import Extractor
from bench.metrics.frechet import frechet_distance
from bench.metrics.intervals import infinitesimal_jackknife, jackknife
from bench.metrics.kernel import kernel_discrepancy
from bench.metrics.metric import Metric, MetricSettings, ScoredImages
from bench.schema.cell import Interval


class FeatureMetric(Metric):
    """A distance between the features of two image sets; a subclass names the network and the distance."""

    extractor: ClassVar[type[Extractor]]

    def prepare(self, images: ScoredImages, settings: MetricSettings) -> tuple[np.ndarray, np.ndarray]:
        """Features of the fake and of the real images, each (images, features)."""
        return images.features(self.extractor)


class FrechetMetric(FeatureMetric):
    """The Frechet distance of a network's features (bench/metrics/frechet.py); comparable at equal n only."""

    def measure(self, inputs: tuple[np.ndarray, np.ndarray], settings: MetricSettings) -> tuple[float, Interval | None]:
        """The distance, and its interval from every image's influence."""
        distance = frechet_distance(*inputs)
        influences = (distance.influence_x, distance.influence_y)
        return distance.value, infinitesimal_jackknife(distance.value, influences, at_least=0.0)


class KernelMetric(FeatureMetric):
    """The unbiased kernel distance of a network's features (bench/metrics/kernel.py)."""

    def measure(self, inputs: tuple[np.ndarray, np.ndarray], settings: MetricSettings) -> tuple[float, Interval | None]:
        """The distance, and its interval from the leave-one-out values."""
        distance = kernel_discrepancy(*inputs)
        return distance.value, jackknife(distance.value, (distance.without_x, distance.without_y))
