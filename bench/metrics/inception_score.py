"""IS: the Inception score, of the images alone; what is real does not enter."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from pydantic import Field

from bench.base.errors import BenchError
from bench.features.fid_inception_logits import FIDInceptionLogits
from bench.metrics.metric import Metric, MetricSettings, ScoredImages
from bench.schema.cell import Interval

SHUFFLE_SEED = 2020  # torch-fidelity's default


def inception_scores(logits: np.ndarray, splits: int, shuffle_seed: int | None = SHUFFLE_SEED) -> np.ndarray:
    """The score of each split (Salimans et al. 2016, Improved Techniques for Training GANs, section 4).

    Args:
        logits: (n, classes) class scores.
        splits: how many; split s holds the rows s n // splits up to (s + 1) n // splits.
        shuffle_seed: of NumPy's legacy stream that shuffles the images first, as torch-fidelity does; None: as they come.

    Returns:
        (splits,) float64, each 1..classes; papers print mean and standard deviation (ddof 0).

    Raises:
        BenchError: there are fewer images than splits.
    """
    from scipy.special import log_softmax  # what reads scores back does without scipy

    scores = np.asarray(logits, np.float64)
    if len(scores) < splits:
        raise BenchError(f"an Inception score of {splits} splits needs as many images, got {len(scores)}; score more")
    if shuffle_seed is not None:
        scores = scores[np.random.RandomState(shuffle_seed).permutation(len(scores))]
    log_p = log_softmax(scores, axis=1)
    edges = [split * len(scores) // splits for split in range(splits + 1)]
    return np.array([_score(log_p[start:end]) for start, end in pairwise(edges)])


def _score(log_p: np.ndarray) -> float:
    """The exponential of the mean divergence of the images' class distributions from their mean."""
    from scipy.special import logsumexp

    log_mean = logsumexp(log_p, axis=0) - np.log(len(log_p))
    return float(np.exp((np.exp(log_p) * (log_p - log_mean)).sum(axis=1).mean()))


class InceptionScoreSettings(MetricSettings):
    """How images are divided.

    Attributes:
        splits: whose scores are averaged.
        shuffle: whether the images are shuffled first, by torch-fidelity's seed.
    """

    splits: int = Field(10, ge=1)
    shuffle: bool = True


class InceptionScore(Metric):
    """Inception score (Salimans et al. 2016); only ever from the official FID Inception weights."""

    name = "IS"
    higher_is_better = True
    description = "Inception score of 10 splits, shuffled as torch-fidelity does; real images do not enter"
    revision = 1
    extractor = FIDInceptionLogits
    Settings = InceptionScoreSettings

    def prepare(self, images: ScoredImages, settings: MetricSettings) -> np.ndarray:
        """Class scores of the fake images, (images, 1008)."""
        return images.features_of_fakes(FIDInceptionLogits)

    def measure(self, inputs: np.ndarray, settings: MetricSettings) -> tuple[float, Interval | None]:
        """The mean over splits; no interval: the splits share their classes, and their spread is no evaluation noise."""
        assert isinstance(settings, InceptionScoreSettings)
        seed = SHUFFLE_SEED if settings.shuffle else None
        return float(inception_scores(inputs, settings.splits, seed).mean()), None
