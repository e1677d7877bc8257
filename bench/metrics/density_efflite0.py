"""Density-EffLite0: how densely real images surround the images, by the features that every installation can compute."""

from __future__ import annotations

from bench.features.efficientnet_lite0 import EfficientNetLite0
from bench.metrics.of_neighbours import DensityMetric


class DensityEffLite0(DensityMetric):
    """Density of EfficientNet-lite0 features; unlike precision, not decided by single real images far from all others."""

    name = "Density-EffLite0"
    higher_is_better = True
    description = (
        "balls of real images that an image lies in, over k, of EfficientNet-lite0 features; PRDC's convention"
    )
    revision = 1
    extractor = EfficientNetLite0
