"""Precision-EffLite0: how many images look real, by the features that every installation can compute."""

from __future__ import annotations

from bench.features.efficientnet_lite0 import EfficientNetLite0
from bench.metrics.of_neighbours import PrecisionMetric


class PrecisionEffLite0(PrecisionMetric):
    """Improved precision of EfficientNet-lite0 features: the formula of the papers' Precision, on another scale."""

    name = "Precision-EffLite0"
    higher_is_better = True
    description = "share of images within the real manifold, EfficientNet-lite0 features; not the papers' Precision"
    revision = 1
    extractor = EfficientNetLite0
