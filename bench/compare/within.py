"""How many seeds fit into a time: chosen before the first result, so that nobody adds seeds until something is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bench.base.errors import UsageError
from bench.base.words import duration
from bench.compare.spread import Spread
from bench.verdict.stats import seeds_needed

FEWEST_SEEDS, MOST_SEEDS = 2, 20
TRAINING_SHARE = 0.9  # of the time; scores and figures take the rest
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def read_duration(text: str) -> float:
    """Seconds of a time such as `90m` or `8h`.

    Raises:
        UsageError: it is written in another way.
    """
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)\s*(s|m|min|h|d)", text.strip())
    if match is None or not float(match[1]):
        raise UsageError(f"--within {text}: write a number and s, m, h or d, for example --within 8h")
    return float(match[1]) * _UNITS[match[2]]


def seeds_within(
    seconds: float, runs: Iterable[float | None], at_once: int, spread: Spread | None, difference: float | None
) -> tuple[int, str]:
    """Choose the number of seeds.

    Args:
        seconds: that may be spent.
        runs: the expected seconds of every run of one seed.
        at_once: how many runs are done at a time.
        spread: of paired differences, as finished runs say; None: nobody knows.
        difference: the smallest that matters; None: nobody said.

    Returns:
        The number, and the rule that it follows, in one line.

    Raises:
        UsageError: the time of a run is not known, or two seeds do not fit.
    """
    known = list(runs)
    if any(one is None for one in known) or not known:
        raise UsageError("--within: how long a run takes could not be measured; say --seeds instead")
    per_seed = sum(one for one in known if one is not None) / at_once
    fitting = min(MOST_SEEDS, int(TRAINING_SHARE * seconds / per_seed)) if per_seed else MOST_SEEDS
    if fitting < FEWEST_SEEDS:
        raise UsageError(
            f"--within: {FEWEST_SEEDS} seeds of every contender take about {duration(FEWEST_SEEDS * per_seed)}; give more "
            "time, fewer contenders, or a smaller --scale"
        )
    why = f"as many as fit into {duration(seconds)} at {duration(per_seed)} a seed, {MOST_SEEDS} at most"
    if spread is not None and spread.is_known and spread.deviation is not None and difference is not None:
        needed = max(FEWEST_SEEDS, seeds_needed(difference, spread.deviation) or MOST_SEEDS)
        if needed < fitting:
            fitting, why = needed, f"as many as show a difference of {difference:g} in four cases of five"
    return fitting, f"Stated before the first result: {fitting} seeds, {why}; no seed is added after looking."
