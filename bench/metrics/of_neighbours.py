"""What precision, recall, density and coverage have in common: two sets of features and a number of neighbours."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from bench.metrics.metric import MetricSettings
from bench.metrics.neighbours import density_coverage, precision_recall
from bench.metrics.of_features import FeatureMetric
from bench.schema.cell import Interval

Features = tuple[np.ndarray, np.ndarray]


class PrecisionRecallSettings(MetricSettings):
    """How far a ball reaches.

    Attributes:
        k: to which neighbour; 3 as in the paper's and StyleGAN2's `pr50k3`.
        radius: whether a point at exactly the radius is inside (NVIDIA's program, torch-fidelity) or outside (PRDC).
    """

    k: int = Field(3, ge=1)
    radius: Literal["inside", "outside"] = "inside"


class DensityCoverageSettings(MetricSettings):
    """How far a ball reaches.

    Attributes:
        k: to which neighbour; 5 as in PRDC.
    """

    k: int = Field(5, ge=1)


class PrecisionMetric(FeatureMetric):
    """The share of images that lie in the manifold of the real ones. Without an interval: images share their neighbours."""

    Settings = PrecisionRecallSettings

    def measure(self, inputs: Features, settings: MetricSettings) -> tuple[float, Interval | None]:
        """The share, 0..1."""
        assert isinstance(settings, PrecisionRecallSettings)
        return float(precision_recall(*inputs, settings.k, settings.radius == "outside")[0].mean()), None


class RecallMetric(FeatureMetric):
    """The share of real images that lie in the manifold of the images. Without an interval, as precision."""

    Settings = PrecisionRecallSettings

    def measure(self, inputs: Features, settings: MetricSettings) -> tuple[float, Interval | None]:
        """The share, 0..1."""
        assert isinstance(settings, PrecisionRecallSettings)
        return float(precision_recall(*inputs, settings.k, settings.radius == "outside")[1].mean()), None


class DensityMetric(FeatureMetric):
    """How many balls of real images an image lies in on average, over k. Without an interval, as precision."""

    Settings = DensityCoverageSettings

    def measure(self, inputs: Features, settings: MetricSettings) -> tuple[float, Interval | None]:
        """The density, 0 or more; about 1 for real images themselves."""
        assert isinstance(settings, DensityCoverageSettings)
        return float(density_coverage(*inputs, settings.k)[0].mean()), None


class CoverageMetric(FeatureMetric):
    """The share of real images whose ball holds an image. Without an interval, as precision."""

    Settings = DensityCoverageSettings

    def measure(self, inputs: Features, settings: MetricSettings) -> tuple[float, Interval | None]:
        """The share, 0..1."""
        assert isinstance(settings, DensityCoverageSettings)
        return float(density_coverage(*inputs, settings.k)[1].mean()), None
