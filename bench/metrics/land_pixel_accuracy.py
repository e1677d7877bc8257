"""land-pAcc: what stands in for Cityscapes' pixAcc on Earth data."""

from __future__ import annotations

from bench.metrics.of_confusions import SegmentationMetric
from bench.metrics.pixel_accuracy import pixel_accuracy


class LandPixelAccuracy(SegmentationMetric):
    """Share of pixels whose land cover class is recognised, in percent; never Cityscapes' pixAcc."""

    name = "land-pAcc"
    higher_is_better = True
    description = "share of pixels whose land cover class a small DRN recognises, in percent; not Cityscapes' pixAcc"
    revision = 1
    of_confusion = staticmethod(pixel_accuracy)
