"""FID: the Frechet distance of FID Inception features, as papers print it."""

from __future__ import annotations

from bench.features.fid_inception import FIDInception
from bench.metrics.of_features import FrechetMetric


class FID(FrechetMetric):
    """Frechet Inception distance; only ever from the official FID Inception weights."""

    name = "FID"
    higher_is_better = False
    description = "Frechet distance of FID Inception features (pytorch-fid's conventions); comparable at equal n only"
    revision = 1
    extractor = FIDInception
