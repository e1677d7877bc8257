"""classAcc: the share of pixels recognised within each Cityscapes class, averaged over classes."""

from __future__ import annotations

import numpy as np

from bench.metrics.of_confusions import SegmentationMetric


def class_accuracy(confusion: np.ndarray) -> float:
    """100 times the mean over classes of the share of the class's pixels that were given it.

    Args:
        confusion: (classes, classes), true classes in rows.

    Returns:
        Percent. A class that is not there is left out.
    """
    correct, true = np.diagonal(confusion).astype(np.float64), confusion.sum(axis=1)
    present = true > 0
    return float(100 * np.mean(correct[present] / true[present])) if present.any() else float("nan")


class ClassAccuracy(SegmentationMetric):
    """Mean over classes of the share of pixels recognised, in percent."""

    name = "classAcc"
    higher_is_better = True
    description = "share of pixels a DRN recognises in each Cityscapes class, mean over classes, in percent"
    revision = 1
    of_confusion = staticmethod(class_accuracy)
