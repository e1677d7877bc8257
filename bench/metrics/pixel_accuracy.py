"""pixAcc: the share of pixels whose Cityscapes class is recognised."""

from __future__ import annotations

import numpy as np

from bench.metrics.of_confusions import SegmentationMetric


def pixel_accuracy(confusion: np.ndarray) -> float:
    """100 times the share of the pixels with a scored class that were given it.

    Args:
        confusion: (classes, classes), true classes in rows.

    Returns:
        Percent.
    """
    total = confusion.sum()
    return float(100 * np.trace(confusion) / total) if total else float("nan")


class PixelAccuracy(SegmentationMetric):
    """Share of pixels recognised, in percent."""

    name = "pixAcc"
    higher_is_better = True
    description = "share of pixels whose Cityscapes class a DRN recognises, in percent"
    revision = 1
    of_confusion = staticmethod(pixel_accuracy)
