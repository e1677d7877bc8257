"""Intervals over seeds, verdicts against published numbers, and comparisons paired by seed.

Pure functions. What they answer, and how little few seeds say: docs/reading-a-verdict.md. scipy is imported where many
seeds need it: a table of a few seeds is made without.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from pydantic import BaseModel, ConfigDict

from bench.base.errors import BenchError
from bench.schema.cell import Interval, Verdict

LEVEL = 0.95
POWER = 0.80
SEEDS_FOR_A_VERDICT = 3
SEEDS_FOR_AN_EFFECT = 3  # of two, the scatter says next to nothing, and nothing is divided by it
ROWS_FOR_AN_INTERVAL = 5  # of a rank correlation: its variance needs more than four
NORMAL_QUANTILE = 1.959963984540054  # at (1 + LEVEL) / 2
# Student's t at (1 + LEVEL) / 2 for 1, 2, ... degrees of freedom, as scipy gives it: importing scipy takes longer than
# a table of a hundred runs
T_QUANTILES = (
    12.706204736174694, 4.302652729749462, 3.1824463052837078, 2.7764451051977934, 2.5705818356363146,
    2.4469118511449786, 2.364624251592784, 2.306004135204166, 2.262157162798205, 2.228138851986274,
    2.200985160091639, 2.1788128296672284, 2.1603686564627913, 2.144786687917804, 2.131449545559776,
    2.1199052992212546, 2.1098155778333156, 2.1009220402410382, 2.0930240544083087, 2.085963447265864,
    2.0796138447276795, 2.0738730679040254, 2.0686576104190486, 2.0638985616280245, 2.0595385527532972,
    2.0555294386428735, 2.0518305164802846, 2.0484071417952454, 2.045229642132703, 2.0422724563012378,
)  # fmt: skip


class PairedComparison(BaseModel):
    """Method a against method b over the same seeds.

    Attributes:
        seeds: the seeds that both have, sorted; other seeds are left out.
        differences: a - b of each seed; empty in records of earlier versions.
        difference: their mean.
        interval: Student's interval of the mean difference.
        effect_size: Cohen's d_z, mean over standard deviation of the differences; None below three seeds, or if all are
            equal.
        p_value: two-sided paired t test, not corrected for the number of comparisons (see `holm`).
        detectable: smallest true mean difference that this many seeds, scattering like this, show with 80 % power; None
            below three seeds.
    """

    model_config = ConfigDict(frozen=True)

    seeds: tuple[int, ...]
    differences: tuple[float, ...] = ()
    difference: float
    interval: Interval
    effect_size: float | None
    p_value: float
    detectable: float | None


def seed_interval(values: Sequence[float]) -> Interval | None:
    """Student's 95 % interval of the mean over seeds.

    Args:
        values: one value per seed.

    Returns:
        The interval of kind `seeds`, None for fewer than two values.

    Raises:
        BenchError: if a value is not finite.
    """
    return _interval(_finite(values), 0.0, "seeds", "t over seeds")


def prediction_interval(values: Sequence[float] | np.ndarray) -> Interval | None:
    """The interval that holds the value of one further run 95 times in 100: m +- t(n-1) s sqrt(1 + 1/n).

    A published number is one run; it is compared with this, not with the interval of the mean.

    Args:
        values: one value per seed.

    Returns:
        The interval of kind `prediction`, None for fewer than two values.

    Raises:
        BenchError: if a value is not finite.
    """
    return _interval(_finite(values), 1.0, "prediction", "t for one further run")


def verdict(
    published: float, values: Sequence[float], higher_is_better: bool | None, aim: float | None = None
) -> Verdict:
    """Say whether a published number could be one more of our runs, and if not, on which side we are.

    Args:
        published: the printed number.
        values: ours, one per seed.
        higher_is_better: the metric's direction; None: the nearer to `aim` the better.
        aim: see there.

    Returns:
        `underpowered` below three seeds, `consistent` inside the prediction interval, else whether *we* are `better`
        or `worse` than published.

    Raises:
        BenchError: if a value is not finite.
    """
    predicted = prediction_interval(_finite([published, *values])[1:])
    if predicted is None or len(values) < SEEDS_FOR_A_VERDICT:
        return "underpowered"
    if predicted.low <= published <= predicted.high:
        return "consistent"
    if higher_is_better is None:
        if aim is None:
            return "underpowered"
        mean = (predicted.low + predicted.high) / 2
        return "better" if abs(mean - aim) < abs(published - aim) else "worse"
    return "better" if (published < predicted.low) == higher_is_better else "worse"


def kendall_tau(published: Sequence[float], reproduced: Sequence[float]) -> float | None:
    """Kendall's tau-b between two rankings of the same rows: 1 the same order, -1 the reverse (Kendall 1945).

    Args:
        published: one value per row.
        reproduced: ours, in the same order of rows.

    Returns:
        tau-b, None if it is undefined: fewer than two rows, or all rows tied on one side.

    Raises:
        BenchError: if the lengths differ or a value is not finite.
    """
    x, y = _finite(published), _finite(reproduced)
    if len(x) != len(y):
        raise BenchError(f"a ranking of {len(x)} rows against one of {len(y)}; compare the rows that both have")
    upper = np.triu_indices(len(x), k=1)
    order_x = np.sign(np.subtract.outer(x, x))[upper]
    order_y = np.sign(np.subtract.outer(y, y))[upper]
    untied = np.sqrt(np.count_nonzero(order_x) * float(np.count_nonzero(order_y)))
    return float(order_x @ order_y / untied) if untied else None


def tau_interval(tau: float, rows: int) -> Interval | None:
    """The 95 % interval of Kendall's tau over other draws of rows, by Fisher's transformation (Bonett and Wright 2000).

    Args:
        tau: from -1 to 1; at its ends it is taken for one that a single pair of rows would make less.
        rows: that were ranked.

    Returns:
        The interval, None below five rows.
    """
    if rows < ROWS_FOR_AN_INTERVAL:
        return None
    most = 1 - 4 / (rows * (rows - 1))
    half = NORMAL_QUANTILE * np.sqrt(0.437 / (rows - 4))
    centre = np.arctanh(np.clip(tau, -most, most))
    low, high = float(np.tanh(centre - half)), float(np.tanh(centre + half))
    return Interval(low=min(low, tau), high=max(high, tau), level=LEVEL, kind="evaluation", method="tau over rows")


def paired_comparison(a: Mapping[int, float], b: Mapping[int, float]) -> PairedComparison | None:
    """Compare two methods over the seeds that both were run with.

    Equal seeds see the same images, crops and flips, so the differences scatter less than the values.

    Args:
        a: seed -> value.
        b: seed -> value.

    Returns:
        The comparison, None if they share fewer than two seeds.

    Raises:
        BenchError: if a value is not finite.
    """
    seeds = tuple(sorted(a.keys() & b.keys()))
    differences = _finite([a[seed] - b[seed] for seed in seeds])
    interval = _interval(differences, 0.0, "seeds", "paired t over seeds")
    if interval is None:
        return None
    n, mean, deviation = len(seeds), float(differences.mean()), float(differences.std(ddof=1))
    is_enough = n >= SEEDS_FOR_AN_EFFECT
    return PairedComparison(
        seeds=seeds,
        differences=tuple(differences.tolist()),
        difference=mean,
        interval=interval,
        effect_size=mean / deviation if deviation > 0 and is_enough else None,
        p_value=_two_sided_p(mean, deviation, n),
        detectable=detectable_effect(n) * deviation if is_enough else None,
    )


def corrected_interval(paired: PairedComparison, count: int) -> Interval:
    """The interval of a paired difference that holds together with those of other comparisons (Bonferroni).

    Holm's test corrects step by step and may show a difference whose interval of this kind still holds 0; never the other
    way around.

    Args:
        paired: one of the comparisons.
        count: how many there are.

    Returns:
        The interval of level 1 - 5 % / count: all of them hold the true differences in 95 of 100 cases.
    """
    from scipy.special import stdtrit

    level = 1 - (1 - LEVEL) / count
    wider = float(stdtrit(len(paired.seeds) - 1, (1 + level) / 2)) / t_quantile(len(paired.seeds) - 1)
    half = wider * (paired.interval.high - paired.interval.low) / 2
    low, high = paired.difference - half, paired.difference + half
    return Interval(
        low=low, high=high, level=level, kind="seeds", method=f"paired t, one of {count} that hold together"
    )


def seeds_needed(difference: float, deviation: float, most: int = 1000) -> int | None:
    """How many seeds show a true difference with 80 % power in a paired t test at 5 %.

    Args:
        difference: above 0, in the unit of the score.
        deviation: standard deviation of paired differences, at least 0.
        most: seeds to consider.

    Returns:
        The number, at least 2; None if `most` are not enough.
    """
    low, high = 2, most
    if detectable_effect(most) * deviation > difference:
        return None
    while low < high:  # what can be detected falls with every seed
        middle = (low + high) // 2
        low, high = (low, middle) if detectable_effect(middle) * deviation <= difference else (middle + 1, high)
    return low


def detectable_effect(n: int) -> float:
    """The smallest effect size d_z that a two-sided paired t test at 5 % finds with 80 % power.

    Args:
        n: number of seeds, at least 2.

    Returns:
        Mean over standard deviation of the differences: 3.26 for 3 seeds, 1.68 for 5, 1.00 for 10.

    Raises:
        BenchError: for fewer than 2 seeds.
    """
    if n < 2:
        raise BenchError(f"{n} seeds show no difference of any size; run at least 2")
    from scipy.optimize import brentq
    from scipy.special import nctdtr, stdtrit

    critical = float(stdtrit(n - 1, (1 + LEVEL) / 2))

    def missing_power(noncentrality: float) -> float:
        # the other tail adds less than 1e-4 where the power is 80 %
        return POWER - (1 - float(nctdtr(n - 1, noncentrality, critical)))

    return float(brentq(missing_power, 0.0, 10 * critical)) / n**0.5


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values for the number of comparisons (Holm 1979): the family-wise error stays below the level.

    Args:
        p_values: of every comparison of a table.

    Returns:
        Adjusted p values, at most 1, in the given order.

    Raises:
        BenchError: if one is not a probability.
    """
    p = _finite(p_values)
    if ((p < 0) | (p > 1)).any():
        raise BenchError(f"{p.tolist()} are not p values; give numbers from 0 to 1")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return np.minimum(adjusted, 1.0).tolist()


def _two_sided_p(mean: float, deviation: float, n: int) -> float:
    if deviation == 0:
        return 0.0 if mean else 1.0
    from scipy.special import stdtr

    return 2 * float(stdtr(n - 1, -abs(mean) / deviation * np.sqrt(n)))


def t_quantile(freedom: int) -> float:
    """Student's t at (1 + LEVEL) / 2, by degrees of freedom, at least 1."""
    if freedom <= len(T_QUANTILES):
        return T_QUANTILES[freedom - 1]
    return _t_quantile_of_scipy(freedom)


@cache
def _t_quantile_of_scipy(freedom: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + LEVEL) / 2))


def _finite(values: Sequence[float] | np.ndarray) -> np.ndarray:
    array = np.asarray(values, np.float64)
    if not np.isfinite(array).all():
        raise BenchError(f"{array.tolist()}: not all are finite numbers; leave failed runs out")
    return array


def _interval(values: np.ndarray, further: float, kind: str, method: str) -> Interval | None:
    """Return m +- t(n-1) s sqrt(further + 1/n); None below two values."""
    n = len(values)
    if n < 2:
        return None
    margin = t_quantile(n - 1) * float(values.std(ddof=1)) * np.sqrt(further + 1 / n)
    mean = float(values.mean())
    return Interval(low=mean - margin, high=mean + margin, level=LEVEL, kind=kind, method=method)  # type: ignore[arg-type]
