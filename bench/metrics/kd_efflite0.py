"""KD-EffLite0: the kernel distance of EfficientNet-lite0 features; unbiased, so it leads where images are few."""

from __future__ import annotations

from bench.features.efficientnet_lite0 import EfficientNetLite0
from bench.metrics.of_features import KernelMetric


class KDEffLite0(KernelMetric):
    """Unbiased squared MMD of EfficientNet-lite0 features with KID's cubic kernel, over all images; not multiplied."""

    name = "KD-EffLite0"
    higher_is_better = False
    description = "unbiased kernel distance (MMD^2, cubic) of EfficientNet-lite0 features, plain value; not KID"
    revision = 1
    extractor = EfficientNetLite0
