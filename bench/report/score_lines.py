"""Lines of a drawer's small tables: a metric at every checkpoint, and what real images get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.report.wording import CHECKPOINT_WORDS, INTERVAL_WORDS, VERDICT_WORDS, interval_text, number
from bench.schema.cell import CHECKPOINTS, Checkpoint, Interval, Measured
from results.tables.comparable import ceiling, mean

MOST_SEEDS = 100  # whose values the page lists, of each cell; `cells.json` has all


@dataclass(frozen=True)
class CheckpointLine:
    """A metric at one checkpoint rule."""

    rule: str
    words: str
    counts: bool
    mean: str
    interval: str
    interval_words: str
    verdict: str


@dataclass(frozen=True)
class OtherLine:
    """Another metric of the same runs, with what real images get, empty where that is not measured."""

    metric: str
    mean: str
    interval: str
    interval_words: str
    seeds: str
    floor: str


def checkpoint_lines(
    measured: Mapping[Checkpoint, Measured], counts: Checkpoint, decimals: int, judged: bool = True
) -> list[CheckpointLine]:
    """A line for every checkpoint rule that was measured.

    Args:
        measured: rule -> measurement over the seeds.
        counts: the rule that counts.
        decimals: digits after the point.
        judged: whether verdicts are shown.
    """
    return [
        CheckpointLine(
            rule=rule,
            words=CHECKPOINT_WORDS[rule],
            counts=rule == counts,
            mean=number(mean(one), decimals),
            interval=interval_text(one.interval, decimals) if one.interval else "none: one seed",
            interval_words=_interval_words(one.interval),
            verdict=VERDICT_WORDS[one.verdict] if one.verdict and judged else "",
        )
        for rule in CHECKPOINTS
        if (one := measured.get(rule)) is not None
    ]


def _interval_words(interval: Interval | None) -> str:
    return "" if interval is None else f"{INTERVAL_WORDS[interval.kind]} ({interval.method})"


def other_line(name: str, measured: Measured, decimals: int) -> OtherLine:
    """Another metric of the same runs.

    Args:
        name: of the metric.
        measured: at the checkpoint that counts, at least one seed.
        decimals: digits after the point.
    """
    interval = measured.interval
    values = sorted(measured.values.items())
    seeds = [f"seed {seed}: {number(value, decimals)}" for seed, value in values[:MOST_SEEDS]]
    if len(values) > MOST_SEEDS:
        seeds.append(f"and {len(values) - MOST_SEEDS} more")
    return OtherLine(
        metric=name,
        mean=number(mean(measured), decimals),
        interval=interval_text(interval, decimals) if interval else "none",
        interval_words=INTERVAL_WORDS[interval.kind] if interval else "",
        seeds=", ".join(seeds),
        floor=floor_text(measured, decimals),
    )


def floor_text(measured: Measured | None, decimals: int) -> str:
    """What real images get by the same metric; empty where the record has no such number."""
    value = ceiling([measured])
    return "" if value is None else number(value, decimals)
