"""What metrics of classes have in common: confusion matrices in, a percentage and its interval out."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from bench.cell import Interval
from bench.metrics.intervals import jackknife
from bench.metrics.metric import Evaluation, Metric, MetricSettings


class SegmentationMetric(Metric):
    """A number of one confusion matrix over the whole set, not a mean over images.

    The ceiling is the same number of the real images: what a perfect translation would get from this network.
    """

    uses_segmenter: ClassVar[bool] = True

    @staticmethod
    @abstractmethod
    def of_confusion(confusion: np.ndarray) -> float:
        """The metric of one matrix (classes, classes), true classes in rows; in percent."""

    def prepare(self, evaluation: Evaluation, settings: MetricSettings) -> tuple[np.ndarray, np.ndarray]:
        """Confusion matrices of the fake and of the real images, each (number of images, classes, classes)."""
        segmentation = evaluation.segmented()
        return segmentation.confusions(evaluation.fake), segmentation.of_real()

    def measure(self, inputs: tuple[np.ndarray, np.ndarray], settings: MetricSettings) -> tuple[float, Interval | None]:
        """The number, and its interval from the values without each image."""
        matrices = inputs[0]
        total = matrices.sum(axis=0)
        value = self.of_confusion(total)
        if len(matrices) < 2:
            return value, None
        return value, jackknife(value, (np.array([self.of_confusion(total - one) for one in matrices]),))

    def ceiling(self, inputs: tuple[np.ndarray, np.ndarray], settings: MetricSettings) -> float:
        """The number of the real images."""
        return self.of_confusion(inputs[1].sum(axis=0))
