"""FD-EffLite0: the Frechet distance of EfficientNet-lite0 features, which every installation can compute."""

from __future__ import annotations

from bench.features.efficientnet_lite0 import EfficientNetLite0
from bench.metrics.of_features import FrechetMetric


class FDEffLite0(FrechetMetric):
    """Frechet distance of EfficientNet-lite0 features: the same formula as FID, on another scale."""

    name = "FD-EffLite0"
    higher_is_better = False
    description = "Frechet distance of EfficientNet-lite0 features; not FID; comparable at equal n only"
    revision = 1
    extractor = EfficientNetLite0
