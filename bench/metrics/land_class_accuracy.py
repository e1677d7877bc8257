"""land-cAcc: what stands in for Cityscapes' classAcc on Earth data."""

from __future__ import annotations

from bench.metrics.class_accuracy import class_accuracy
from bench.metrics.of_confusions import SegmentationMetric


class LandClassAccuracy(SegmentationMetric):
    """Mean over land cover classes of the share of pixels recognised, in percent; never Cityscapes' classAcc."""

    name = "land-cAcc"
    higher_is_better = True
    description = (
        "mean over 17 land cover classes of the share a small DRN recognises, in percent; not Cityscapes' classAcc"
    )
    revision = 1
    of_confusion = staticmethod(class_accuracy)
