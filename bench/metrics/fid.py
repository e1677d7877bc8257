"""FID: the Frechet distance of FID Inception features, as papers print it."""

from __future__ import annotations

import numpy as np

from bench.features.fid_inception import FIDInception
from bench.metrics.frechet import frechet_with_influence
from bench.metrics.intervals import infinitesimal_jackknife
from bench.metrics.metric import Metric, MetricSettings, ScoredImages
from bench.schema.cell import Interval


class FID(Metric):
    """Frechet Inception distance; only ever from the official FID Inception weights."""

    name = "FID"
    higher_is_better = False
    description = "Frechet distance of FID Inception features (pytorch-fid's conventions); comparable at equal n only"
    revision = 1
    extractor = FIDInception

    def prepare(self, images: ScoredImages, settings: MetricSettings) -> tuple[np.ndarray, np.ndarray]:
        """Features of the fake and of the real images."""
        return images.features(self.extractor)

    def measure(self, inputs: tuple[np.ndarray, np.ndarray], settings: MetricSettings) -> tuple[float, Interval | None]:
        """The distance, and its interval from every image's influence."""
        distance = frechet_with_influence(*inputs)
        influences = (distance.influence_x, distance.influence_y)
        return distance.value, infinitesimal_jackknife(distance.value, influences, at_least=0.0)
