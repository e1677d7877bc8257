"""Coverage-EffLite0: how many real images have an image near them, by features that need no download."""

from __future__ import annotations

from bench.features.efficientnet_lite0 import EfficientNetLite0
from bench.metrics.of_neighbours import CoverageMetric


class CoverageEffLite0(CoverageMetric):
    """Coverage of EfficientNet-lite0 features; unlike recall, not decided by single images far from all others."""

    name = "Coverage-EffLite0"
    higher_is_better = True
    description = "share of real images with an image near them, of EfficientNet-lite0 features; PRDC's convention"
    revision = 1
    extractor = EfficientNetLite0
