"""land-mIoU: what stands in for Cityscapes' mAP on Earth data."""

from __future__ import annotations

from bench.metrics.mean_iou import mean_iou
from bench.metrics.of_confusions import SegmentationMetric


class LandMeanIoU(SegmentationMetric):
    """Mean intersection over union of the land cover classes, in percent; never Cityscapes' mAP."""

    name = "land-mIoU"
    higher_is_better = True
    description = (
        "mean intersection over union of 17 land cover classes by a small DRN, in percent; not Cityscapes' mAP"
    )
    revision = 1
    of_confusion = staticmethod(mean_iou)
