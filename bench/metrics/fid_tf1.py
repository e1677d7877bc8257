"""FID-TF1: FID with TensorFlow 1's resizing, as the original program and torch-fidelity measure it."""

from __future__ import annotations

from bench.features.fid_inception_dialects import FIDInceptionTF1
from bench.metrics.of_features import FrechetMetric


class FIDTF1(FrechetMetric):
    """FID as torch-fidelity measures it; only ever from the official FID Inception weights."""

    name = "FID-TF1"
    higher_is_better = False
    description = "Frechet distance of FID Inception features, TensorFlow 1's resizing; not comparable with plain FID"
    revision = 1
    extractor = FIDInceptionTF1
