"""KID: the kernel distance of FID Inception features, as papers print it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from bench.features.fid_inception import FIDInception
from bench.metrics.kernel_subsets import MOST, SUBSETS, subset_distances
from bench.metrics.metric import MetricSettings
from bench.metrics.of_features import KernelMetric
from bench.schema.cell import Interval


class KIDSettings(MetricSettings):
    """Which images are compared.

    Attributes:
        dialect: `all`: all images at once, which has the expectation of the others and no noise of drawing;
            `torch-fidelity` and `clean-fid`: the mean over random subsets as those programs draw them.
        subsets, subset_size: of the two latter.
    """

    dialect: Literal["all", "torch-fidelity", "clean-fid"] = "all"
    subsets: int = Field(SUBSETS, ge=1, le=10_000)
    subset_size: int = Field(MOST, ge=2)


class KID(KernelMetric):
    """Kernel Inception distance (Binkowski et al. 2018); only ever from the official FID Inception weights.

    The plain value: papers often print it times 100 or 1,000.
    """

    name = "KID"
    higher_is_better = False
    description = "unbiased kernel distance (MMD^2, cubic) of FID Inception features, plain value"
    revision = 1
    extractor = FIDInception
    Settings = KIDSettings

    def measure(self, inputs: tuple[np.ndarray, np.ndarray], settings: MetricSettings) -> tuple[float, Interval | None]:
        """The distance; an interval where all images are compared at once."""
        assert isinstance(settings, KIDSettings)
        if settings.dialect == "all":
            return super().measure(inputs, settings)
        distances = subset_distances(*inputs, settings.dialect, settings.subsets, settings.subset_size)
        return float(distances.mean()), None
