"""Do the intervals cover what they say they cover? Simulated, with the naive bootstrap failing beside them."""

import numpy as np
import pytest

from bench.metrics.frechet import frechet_distance
from bench.metrics.intervals import infinitesimal_jackknife, jackknife, mean_interval
from bench.metrics.kernel import kernel_discrepancy

# More features than images, as in every test set of this field; a spectrum that decays like that of image features
N_FAKE, N_REAL, DIMENSIONS = 40, 50, 64
SPECTRUM = np.arange(1, DIMENSIONS + 1) ** -0.5


def draw(rng):
    fake = (rng.standard_normal((N_FAKE, DIMENSIONS)) + 0.15) * SPECTRUM
    return fake, rng.standard_normal((N_REAL, DIMENSIONS)) * 1.2 * SPECTRUM


def frechet(fake, real):
    return frechet_distance(fake, real).value


def coverage(intervals, expectation):
    return np.mean([i.low <= expectation <= i.high for i in intervals])


def frechet_interval(fake, real):
    result = frechet_distance(fake, real)
    return infinitesimal_jackknife(result.value, (result.influence_x, result.influence_y), at_least=0.0)


def test_frechet_interval_covers_and_the_bootstrap_does_not():
    rng = np.random.default_rng(20261122)
    expectation = np.mean([frechet(*draw(rng)) for _ in range(1500)])
    intervals = [frechet_interval(*draw(rng)) for _ in range(400)]
    assert 0.90 <= coverage(intervals, expectation) <= 0.99

    def bootstrap(fake, real, resamples=60):
        values = [
            frechet(fake[rng.integers(N_FAKE, size=N_FAKE)], real[rng.integers(N_REAL, size=N_REAL)])
            for _ in range(resamples)
        ]
        return np.percentile(values, [2.5, 97.5])

    bootstraps = [bootstrap(*draw(rng)) for _ in range(40)]
    assert np.mean([low <= expectation <= high for low, high in bootstraps]) < 0.2


def test_kernel_interval_covers():
    rng = np.random.default_rng(7)
    results = [kernel_discrepancy(*draw(rng)) for _ in range(1000)]
    expectation = np.mean([r.value for r in results])
    intervals = [jackknife(r.value, (r.without_x, r.without_y)) for r in results[:400]]
    assert 0.90 <= coverage(intervals, expectation) <= 0.99


def test_mean_interval_covers():
    rng = np.random.default_rng(1)
    intervals = [mean_interval(rng.standard_normal(8) + 3) for _ in range(3000)]
    assert coverage(intervals, 3.0) == pytest.approx(0.95, abs=0.015)
    assert mean_interval(np.ones(1)) is None


def test_infinitesimal_jackknife_is_close_to_leaving_images_out_one_by_one():
    fake, real = draw(np.random.default_rng(5))
    quick = frechet_interval(fake, real)
    slow = jackknife(
        frechet(fake, real),
        (
            np.array([frechet(np.delete(fake, i, 0), real) for i in range(N_FAKE)]),
            np.array([frechet(fake, np.delete(real, i, 0)) for i in range(N_REAL)]),
        ),
    )
    assert quick.high - quick.low == pytest.approx(slow.high - slow.low, rel=0.1)
    assert quick.kind == slow.kind == "evaluation"


def test_both_jackknives_of_a_mean_are_students_interval():
    values = np.random.default_rng(2).standard_normal(9)
    expected = mean_interval(values)
    left_out = np.array([np.delete(values, i).mean() for i in range(9)])
    for interval in (
        jackknife(values.mean(), [left_out]),
        infinitesimal_jackknife(values.mean(), [values - values.mean()]),
    ):
        assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))


def test_interval_ends_at_the_smallest_possible_value():
    assert infinitesimal_jackknife(0.1, [np.array([-1.0, 1.0])], at_least=0.0).low == 0.0
