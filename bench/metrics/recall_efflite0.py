"""Recall-EffLite0: how much of what is real can be made, by the features that every installation can compute."""

from __future__ import annotations

from bench.features.efficientnet_lite0 import EfficientNetLite0
from bench.metrics.of_neighbours import RecallMetric


class RecallEffLite0(RecallMetric):
    """Improved recall of EfficientNet-lite0 features: the formula of the papers' Recall, on another scale."""

    name = "Recall-EffLite0"
    higher_is_better = True
    description = (
        "share of real images within the manifold of the fakes, EfficientNet-lite0 features; not the papers' Recall"
    )
    revision = 1
    extractor = EfficientNetLite0
