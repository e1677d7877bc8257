"""FID-clean-fid: FID with clean-fid's antialiased resizing, which newer papers print."""

from __future__ import annotations

from bench.features.fid_inception_dialects import FIDInceptionClean
from bench.metrics.of_features import FrechetMetric


class FIDClean(FrechetMetric):
    """FID as clean-fid's mode `clean` measures it; only ever from the official FID Inception weights."""

    name = "FID-clean-fid"
    higher_is_better = False
    description = "Frechet distance of FID Inception features, clean-fid's resizing; not comparable with plain FID"
    revision = 1
    extractor = FIDInceptionClean
