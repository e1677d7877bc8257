"""What metrics of a class's share have in common: how much of each image one class covers, and how much it should."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from bench.metrics.intervals import mean_interval
from bench.metrics.metric import Metric, MetricSettings, ScoredImages
from bench.schema.cell import Interval


def share_percent(shares: np.ndarray, classes: list[int]) -> np.ndarray:
    """The percentage of pixels of some classes together, image by image: shares (n, all classes) to (n,)."""
    percent: np.ndarray = 100.0 * np.asarray(shares, np.float64)[:, classes].sum(axis=1)
    return percent


class ShareMetric(Metric):
    """Mean over images of the percentage of pixels of some classes; the nearer to that of the training images the better.

    Park et al., "Contrastive Learning for Unpaired Image-to-Image Translation", ECCV 2020, supplement, 1.4. The ceiling is
    the same number of the target domain's training images, which a translation can miss on both sides.
    """

    @abstractmethod
    def shares(self, images: ScoredImages) -> tuple[np.ndarray, np.ndarray | None]:
        """Shares of all classes in translations and in training images (None: there are none), each (images, classes)."""

    @abstractmethod
    def classes(self, settings: MetricSettings) -> list[int]:
        """Whose share is measured."""

    def prepare(self, images: ScoredImages, settings: MetricSettings) -> tuple[np.ndarray, np.ndarray | None]:
        """Percentages of the translations and of the training images, image by image."""
        made, trained = self.shares(images)
        classes = self.classes(settings)
        return share_percent(made, classes), None if trained is None else share_percent(trained, classes)

    def measure(
        self, inputs: tuple[np.ndarray, np.ndarray | None], settings: MetricSettings
    ) -> tuple[float, Interval | None]:
        """The mean over images, and its interval, which ends at nothing and at all."""
        interval = mean_interval(inputs[0])
        if interval is not None:
            interval = interval.model_copy(update={"low": max(0.0, interval.low), "high": min(100.0, interval.high)})
        return float(inputs[0].mean()), interval

    def ceiling(self, inputs: tuple[np.ndarray, np.ndarray | None], settings: MetricSettings) -> float | None:
        """The same of the training images."""
        return None if inputs[1] is None else float(inputs[1].mean())
