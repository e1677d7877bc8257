"""Statistics over seeds against scipy, textbook numbers and simulation."""

import numpy as np
import pytest
from scipy import stats as reference
from scipy.special import stdtrit

from bench.base.errors import BenchError
from bench.verdict.stats import (
    T_QUANTILES,
    corrected_interval,
    detectable_effect,
    holm,
    kendall_tau,
    paired_comparison,
    prediction_interval,
    seed_interval,
    seeds_needed,
    t_quantile,
    tau_interval,
    verdict,
)

VALUES = [41.2, 43.9, 40.1, 44.4, 42.0]


def test_seed_interval_is_students():
    low, high = reference.t.interval(0.95, 4, loc=np.mean(VALUES), scale=reference.sem(VALUES))
    interval = seed_interval(VALUES)
    assert (interval.low, interval.high) == pytest.approx((low, high))
    assert (interval.kind, interval.level) == ("seeds", 0.95)


def test_prediction_interval_formula():
    interval = prediction_interval([1.0, 2.0, 3.0])
    # t(2) = 4.302653, s = 1, sqrt(1 + 1/3)
    assert (interval.low, interval.high) == pytest.approx((2 - 4.968276, 2 + 4.968276), abs=1e-6)
    assert interval.kind == "prediction"


@pytest.mark.parametrize("function", [seed_interval, prediction_interval])
def test_one_value_has_no_interval(function):
    assert function([3.0]) is None
    assert function([]) is None


@pytest.mark.parametrize("n", [3, 5])
def test_prediction_interval_holds_one_further_run(n):
    rng = np.random.default_rng(n)
    runs = rng.normal(40, 3, (4000, n + 1))
    inside = [(i := prediction_interval(run[:-1])).low <= run[-1] <= i.high for run in runs]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.012)
    means = [(i := seed_interval(run[:-1])).low <= run[-1] <= i.high for run in runs]
    assert np.mean(means) < 0.9  # the interval of the mean would call honest reproductions wrong


@pytest.mark.parametrize(
    ("published", "values", "higher", "expected"),
    [
        (42.0, VALUES, False, "consistent"),
        (60.0, VALUES, False, "better"),  # our distances are smaller than published
        (60.0, VALUES, True, "worse"),
        (20.0, VALUES, False, "worse"),
        (20.0, VALUES, True, "better"),
        (20.0, VALUES[:2], True, "underpowered"),
        (20.0, [], True, "underpowered"),
    ],
)
def test_verdict(published, values, higher, expected):
    assert verdict(published, values, higher) == expected


def test_verdict_calls_one_honest_reproduction_in_twenty_inconsistent():
    rng = np.random.default_rng(0)
    verdicts = [verdict(run[0], run[1:].tolist(), False) for run in rng.normal(50, 2, (2000, 5))]
    assert verdicts.count("consistent") / 2000 == pytest.approx(0.95, abs=0.02)
    assert verdicts.count("better") == pytest.approx(verdicts.count("worse"), abs=40)


def test_not_finite_is_refused():
    for call in (
        lambda: seed_interval([1.0, np.nan]),
        lambda: verdict(np.nan, VALUES, True),
        lambda: paired_comparison({0: 1.0, 1: np.inf}, {0: 1.0, 1: 2.0}),
        lambda: holm([0.1, np.nan]),
    ):
        with pytest.raises(BenchError, match="finite"):
            call()


def test_kendall_tau_equals_scipys_with_and_without_ties():
    rng = np.random.default_rng(0)
    for _ in range(30):
        x, y = rng.integers(0, 6, 8).astype(float), rng.standard_normal(8)
        assert kendall_tau(x, y) == pytest.approx(reference.kendalltau(x, y).statistic)
    assert kendall_tau([1, 2, 3], [10, 20, 30]) == 1
    assert kendall_tau([1, 2, 3], [30, 20, 10]) == -1


def test_kendall_tau_undefined_or_misused():
    assert kendall_tau([1.0], [2.0]) is None
    assert kendall_tau([1.0, 1.0], [2.0, 3.0]) is None
    with pytest.raises(BenchError, match="2 rows against one of 3"):
        kendall_tau([1, 2], [1, 2, 3])


def test_paired_comparison_equals_scipys_paired_test():
    a, b = dict(enumerate(VALUES)), {0: 42.0, 1: 43.5, 2: 42.2, 3: 46.0, 4: 43.1, 9: 1.0}
    expected = reference.ttest_rel([a[i] for i in range(5)], [b[i] for i in range(5)])
    comparison = paired_comparison(a, b)
    interval = expected.confidence_interval(0.95)
    assert comparison.seeds == (0, 1, 2, 3, 4)  # seed 9 has no partner
    assert comparison.p_value == pytest.approx(expected.pvalue)
    assert (comparison.interval.low, comparison.interval.high) == pytest.approx((interval.low, interval.high))
    assert comparison.effect_size == pytest.approx(expected.statistic / np.sqrt(5))
    difference = np.array([a[i] - b[i] for i in range(5)])
    assert comparison.detectable == pytest.approx(1.6820 * difference.std(ddof=1), rel=1e-3)


def test_paired_comparison_of_few_or_equal_seeds():
    assert paired_comparison({0: 1.0}, {0: 2.0}) is None
    assert paired_comparison({0: 1.0, 1: 2.0}, {2: 1.0, 3: 2.0}) is None
    same = paired_comparison({0: 1.0, 1: 2.0}, {0: 1.0, 1: 2.0})
    # of two seeds nothing is divided by their scatter, and nothing told from it
    assert (same.difference, same.p_value, same.effect_size, same.detectable) == (0, 1, None, None)
    assert paired_comparison({0: 1.0, 1: 3.0}, {0: 2.0, 1: 2.5}).effect_size is None
    three = dict.fromkeys(range(3), 1.0)
    same = paired_comparison(three, three)
    assert (same.effect_size, same.detectable) == (None, 0)
    shifted = paired_comparison({0: 2.0, 1: 3.0}, {0: 1.0, 1: 2.0})
    assert (shifted.difference, shifted.differences, shifted.p_value) == (1, (1, 1), 0)


@pytest.mark.parametrize("n", [2, 3, 5, 10, 30])
def test_detectable_effect_has_80_percent_power(n):
    critical = reference.t.ppf(0.975, n - 1)
    shift = detectable_effect(n) * np.sqrt(n)
    power = reference.nct.sf(critical, n - 1, shift) + reference.nct.cdf(-critical, n - 1, shift)
    assert power == pytest.approx(0.80, abs=1e-3)


def test_detectable_effect_by_simulation():
    n = 5
    differences = np.random.default_rng(0).normal(detectable_effect(n), 1, (20000, n))
    found = reference.ttest_1samp(differences, 0, axis=1).pvalue < 0.05
    assert found.mean() == pytest.approx(0.80, abs=0.01)
    with pytest.raises(BenchError, match="at least 2"):
        detectable_effect(1)


def test_holm_textbook_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []
    with pytest.raises(BenchError, match="p values"):
        holm([1.2])


def test_the_written_quantiles_are_scipys():
    assert [t_quantile(n) for n in range(1, len(T_QUANTILES) + 3)] == [
        float(stdtrit(n, 0.975)) for n in range(1, len(T_QUANTILES) + 3)
    ]


def test_without_a_direction_and_an_aim_nothing_is_judged():
    assert verdict(1000.0, VALUES, None) == "underpowered"
    assert verdict(1000.0, VALUES, None, aim=VALUES[0]) == "better"
    assert verdict(1000.0, VALUES, None, aim=999.0) == "worse"


def test_a_corrected_interval_is_students_at_a_share_of_the_level():
    a, b = dict(enumerate(VALUES)), {0: 42.0, 1: 43.5, 2: 42.2, 3: 46.0, 4: 43.1}
    paired = paired_comparison(a, b)
    expected = reference.ttest_rel([a[i] for i in range(5)], [b[i] for i in range(5)])
    for count in (1, 3, 40):
        found = corrected_interval(paired, count)
        interval = expected.confidence_interval(1 - 0.05 / count)
        assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
        assert found.level == pytest.approx(1 - 0.05 / count)


def test_the_seeds_needed_are_the_fewest_that_can_detect_it():
    for difference in (0.3, 1.0, 4.0):
        seeds = seeds_needed(difference, 1.5)
        assert detectable_effect(seeds) * 1.5 <= difference
        assert seeds == 2 or detectable_effect(seeds - 1) * 1.5 > difference
    assert seeds_needed(1000.0, 1.0) == 2
    assert seeds_needed(1e-6, 1.0) is None


def test_the_interval_of_tau_covers_what_rankings_were_drawn_with():
    rng = np.random.default_rng(1)
    rho = 0.6
    true = 2 / np.pi * np.arcsin(rho)  # of a bivariate normal
    held = 0
    for _ in range(600):
        x = rng.normal(size=12)
        y = rho * x + np.sqrt(1 - rho**2) * rng.normal(size=12)
        interval = tau_interval(kendall_tau(x, y), 12)
        held += interval.low <= true <= interval.high
    assert 0.92 <= held / 600 <= 0.98


@pytest.mark.parametrize("tau", [-1.0, 0.0, 0.4, 1.0])
def test_the_interval_of_tau_holds_it_and_stays_between_its_ends(tau):
    assert tau_interval(tau, 4) is None
    for rows in (5, 12):
        interval = tau_interval(tau, rows)
        assert -1 <= interval.low <= tau <= interval.high <= 1
        assert interval.low < interval.high
