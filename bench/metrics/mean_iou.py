"""mAP, as the tables of this field call it: the mean intersection over union of the Cityscapes classes."""

from __future__ import annotations

import numpy as np

from bench.metrics.of_confusions import SegmentationMetric


def mean_iou(confusion: np.ndarray) -> float:
    """100 times the mean over classes of |true and predicted| / |true or predicted| (fyu/drn d75db2e, segment.py).

    Args:
        confusion: (classes, classes), true classes in rows.

    Returns:
        Percent. A class that is neither there nor predicted has no such ratio and is left out.
    """
    correct = np.diagonal(confusion).astype(np.float64)
    either = confusion.sum(axis=0) + confusion.sum(axis=1) - correct
    present = either > 0
    return float(100 * np.mean(correct[present] / either[present])) if present.any() else float("nan")


class MeanIoU(SegmentationMetric):
    """Mean intersection over union in percent; no average precision, in spite of its name."""

    name = "mAP"
    higher_is_better = True
    description = "mean intersection over union of Cityscapes' 19 classes by a DRN, in percent (the field calls it mAP)"
    revision = 1
    of_confusion = staticmethod(mean_iou)
