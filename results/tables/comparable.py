"""Which measurements may stand against a published number, and how a measurement is written.

Every layout asks here, so that a number measured on stand-in data can reach the published column nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import fmean

from bench.schema.cell import Cell, Checkpoint, Measured
from bench.schema.table import COUNTED

# Marks carry the verdict without colour; the legend spells them out.
VERDICT_MARKS = {"consistent": "≈", "better": "▲", "worse": "▼", "underpowered": "?"}
DEVIATING_MARK = "≠"


def is_stand_in(cell: Cell) -> bool:
    """Whether a cell was, or will be, measured on other data or by another metric than the published number's.

    The cell's own fields decide as well as its label: data and metric that differ are a stand-in whatever it says.
    """
    return (
        cell.comparability == "stand-in"
        or cell.ran_as not in (None, cell.protocol)
        or cell.scored_as not in (None, cell.metric)
    )


def may_stand_against_published(cell: Cell) -> bool:
    """Whether a cell's measurements may be shown beside its published number."""
    return cell.comparability in ("as published", "deviating") and not is_stand_in(cell)


def mean(measured: Measured) -> float:
    """The mean over seeds; NaN where no seed was measured."""
    if measured.mean is not None:
        return measured.mean
    return fmean(measured.values.values()) if measured.values else math.nan


def half_width(measured: Measured) -> float | None:
    """Half the interval over seeds; None for one seed, or where the interval is of another kind."""
    interval = measured.interval
    if interval is None or interval.kind != "seeds" or len(measured.values) < 2:
        return None
    return (interval.high - interval.low) / 2


def measured_text(measured: Measured, decimals: int, counted: bool = True) -> str:
    """Write a measurement as `46.1 ± 1.2`, or `46.1 (n=1)` where the seeds give no interval.

    Args:
        measured: at least one seed.
        decimals: digits after the point.
        counted: False where the reader is told the number of seeds once for all.

    Returns:
        The text; it says how many seeds there are wherever they are fewer than three, unless not `counted`.
    """
    if measured.metric == COUNTED:
        return f"{mean(measured):.0f}"
    count, half = len(measured.values), half_width(measured)
    text = f"{mean(measured):.{decimals}f}"
    if half is not None:
        text += f" ± {half:.{decimals}f}"
    return text if (half is not None and count >= 3) or not counted else f"{text} (n={count})"


CEILING = "real images"  # the line that shows it


def ceiling(measurements: Iterable[Measured | None]) -> float | None:
    """What the real test images get, from any measurement of a metric that has such a ceiling; None without one."""
    return next(
        (measured.ceiling for measured in measurements if measured is not None and measured.ceiling is not None), None
    )


def decimals_for(values: Iterable[float]) -> int:
    """Digits after the point that give the largest of some values at least three figures, four at most."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return 1 if largest >= 10 else 2 if largest >= 1 else 3 if largest >= 0.1 else 4


def gap(cell: Cell) -> float | None:
    """How much better best-on-test looks than the last checkpoint, in the metric's unit; None if either is missing."""
    ends: list[Checkpoint] = ["last", "best-on-test"]
    if any(name not in cell.measured or not cell.measured[name].values for name in ends):
        return None
    if cell.higher_is_better is None:
        return None
    last, best = (mean(cell.measured[name]) for name in ends)
    return best - last if cell.higher_is_better else last - best
