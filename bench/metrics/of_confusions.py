"""What metrics of classes have in common: confusion matrices in, a percentage and its interval out."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from bench.base.errors import BenchError
from bench.metrics.intervals import jackknife
from bench.metrics.metric import Metric, MetricSettings, ScoredImages
from bench.schema.cell import Interval


class SegmentationMetric(Metric):
    """A number of one confusion matrix over the whole set, not a mean over images.

    The ceiling is the same number of the real images. A translation that draws classes more clearly can be above it.
    """

    uses_segmenter: ClassVar[bool] = True

    @staticmethod
    @abstractmethod
    def of_confusion(confusion: np.ndarray) -> float:
        """The metric of one matrix (classes, classes), true classes in rows; in percent."""

    def prepare(self, images: ScoredImages, settings: MetricSettings) -> tuple[np.ndarray, np.ndarray]:
        """Confusion matrices of the fake and of the real images, each (number of images, classes, classes)."""
        segmentation = images.segmented()
        return segmentation.confusions(images.fake), segmentation.of_real()

    def measure(self, inputs: tuple[np.ndarray, np.ndarray], settings: MetricSettings) -> tuple[float, Interval | None]:
        """The number, and its interval from the values without each image."""
        matrices = inputs[0]
        total = matrices.sum(axis=0)
        if not total.any():
            raise BenchError("no pixel of the test images has a scored class; check the label maps")
        value = self.of_confusion(total)
        without = np.array([self.of_confusion(total - matrix) for matrix in matrices])
        # a single image with all the scored pixels leaves nothing without it
        return value, jackknife(value, (without,)) if np.isfinite(without).all() else None

    def ceiling(self, inputs: tuple[np.ndarray, np.ndarray], settings: MetricSettings) -> float:
        """The number of the real images."""
        return self.of_confusion(inputs[1].sum(axis=0))
