"""Noise of scoring one model: how far the value could have come out with other test images.

Estimand: the expectation of the metric over fresh test sets of the *same sizes*, for this one trained model. A Frechet
distance of n images is biased upwards, and the interval covers that biased expectation, not the limit of infinitely
many images: values are comparable at equal n only. Noise between training runs is not in it; see the interval over
seeds for that.

A bootstrap would not do: drawing n images with replacement leaves out a third of them, which lowers the rank of the
covariances and shifts the distance far outside its own interval. The jackknife never repeats an image.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.schema.cell import Interval

LEVEL = 0.95


def infinitesimal_jackknife(value: float, influences: Sequence[np.ndarray], at_least: float = -np.inf) -> Interval:
    """Interval from the derivative of a metric by each image's weight (Jaeckel 1972; Efron 1982, chapter 6).

    The variance is the sum over the sets of mean squared influence / (n - 1); for smooth metrics this is the
    jackknife without its n recomputations.

    Args:
        value: the metric.
        influences: for each independent image set an array (n,) that sums to 0.
        at_least: smallest possible value of the metric; the interval ends there.

    Returns:
        A symmetric interval of kind `evaluation`.
    """
    variance = sum(float(np.mean(np.square(i))) / (len(i) - 1) for i in influences)
    return _symmetric(value, variance, min(map(len, influences)), "infinitesimal jackknife", at_least)


def jackknife(value: float, leave_one_out: Sequence[np.ndarray]) -> Interval:
    """Interval from the metric's values with one image left out (Efron and Stein 1981; two samples: their sum).

    Args:
        value: the metric.
        leave_one_out: for each independent image set an array (n,), the metric without image i.

    Returns:
        A symmetric interval of kind `evaluation`.
    """
    variance = sum((len(w) - 1) * float(np.var(w)) for w in leave_one_out)
    return _symmetric(value, variance, min(map(len, leave_one_out)), "jackknife", -np.inf)


def mean_interval(per_image: np.ndarray) -> Interval | None:
    """Student's interval of a mean over images; None for fewer than two.

    Args:
        per_image: (n,) one value per image.
    """
    if len(per_image) < 2:
        return None
    variance = float(np.var(per_image, ddof=1)) / len(per_image)
    return _symmetric(float(np.mean(per_image)), variance, len(per_image), "t over images", -np.inf)


def _symmetric(value: float, variance: float, smallest: int, method: str, at_least: float) -> Interval:
    """Return value +- t s, with the degrees of freedom of the smallest set: the cautious choice."""
    from scipy.special import stdtrit  # a table of single runs is made without it

    margin = float(stdtrit(smallest - 1, (1 + LEVEL) / 2)) * np.sqrt(variance)
    low, high = max(at_least, value - margin), value + margin
    return Interval(low=float(low), high=float(high), level=LEVEL, kind="evaluation", method=method)
