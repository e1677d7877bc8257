"""FD-EffLite0: the Frechet distance of EfficientNet-lite0 features, which every installation can compute."""

from __future__ import annotations

import numpy as np

from bench.features.efficientnet_lite0 import EfficientNetLite0
from bench.metrics.frechet import frechet_with_influence
from bench.metrics.intervals import infinitesimal_jackknife
from bench.metrics.metric import Metric, MetricSettings, ScoredImages
from bench.schema.cell import Interval


class FDEffLite0(Metric):
    """Frechet distance of EfficientNet-lite0 features: the same formula as FID, on another scale."""

    name = "FD-EffLite0"
    higher_is_better = False
    description = "Frechet distance of EfficientNet-lite0 features; not FID; comparable at equal n only"
    revision = 1
    extractor = EfficientNetLite0

    def prepare(self, images: ScoredImages, settings: MetricSettings) -> tuple[np.ndarray, np.ndarray]:
        """Features of the fake and of the real images."""
        return images.features(self.extractor)

    def measure(self, inputs: tuple[np.ndarray, np.ndarray], settings: MetricSettings) -> tuple[float, Interval | None]:
        """The distance, and its interval from every image's influence."""
        distance = frechet_with_influence(*inputs)
        influences = (distance.influence_x, distance.influence_y)
        return distance.value, infinitesimal_jackknife(distance.value, influences, at_least=0.0)
