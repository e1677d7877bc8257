"""KD-EffLite0: the kernel distance of EfficientNet-lite0 features; unbiased, so it leads where images are few."""

from __future__ import annotations

import numpy as np

from bench.features.efficientnet_lite0 import EfficientNetLite0
from bench.metrics.intervals import jackknife
from bench.metrics.kernel import kernel_discrepancy
from bench.metrics.metric import Metric, MetricSettings, ScoredImages
from bench.schema.cell import Interval


class KDEffLite0(Metric):
    """Unbiased squared MMD of EfficientNet-lite0 features with KID's cubic kernel, over all images; not multiplied."""

    name = "KD-EffLite0"
    higher_is_better = False
    description = "unbiased kernel distance (MMD^2, cubic) of EfficientNet-lite0 features, plain value; not KID"
    revision = 1
    extractor = EfficientNetLite0

    def prepare(self, images: ScoredImages, settings: MetricSettings) -> tuple[np.ndarray, np.ndarray]:
        """Features of the fake and of the real images."""
        return images.features(self.extractor)

    def measure(self, inputs: tuple[np.ndarray, np.ndarray], settings: MetricSettings) -> tuple[float, Interval | None]:
        """The distance, and its interval from the leave-one-out values."""
        distance = kernel_discrepancy(*inputs)
        return distance.value, jackknife(distance.value, (distance.without_x, distance.without_y))
