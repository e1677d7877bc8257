"""A metric that takes no time."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.metrics.metric import Metric, MetricSettings, ScoredImages
from bench.schema.cell import Interval


class MeanColour(Metric):
    """Distance between the mean colours of fake and real images."""

    name = "MeanColour"
    higher_is_better = False
    description = "distance of mean colours"
    revision = 1

    def prepare(self, images: ScoredImages, settings: MetricSettings) -> Any:
        return [
            np.mean([images.pixels(i).mean((0, 1)) for i in range(len(images))], axis=0)
            for images in (images.fake, images.real)
        ]

    def measure(self, inputs: Any, settings: MetricSettings) -> tuple[float, Interval | None]:
        return float(np.linalg.norm(inputs[0] - inputs[1])), None
