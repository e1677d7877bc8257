"""A small grid of settings that every contender tries alike, and which try is chosen: on validation images alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

from bench.base.errors import UsageError
from bench.schema.bounded_yaml import read_value

MOST_TRIES = 32  # of a contender


def read_sweep(texts: Sequence[str] | None) -> dict[str, list[Any]]:
    """Read KEY=VALUE,VALUE,...; values are YAML.

    Args:
        texts: one for each setting or option.

    Raises:
        UsageError: one is written in another way, or all together make too many tries.
    """
    sweep: dict[str, list[Any]] = {}
    for text in texts or []:
        key, equals, values = text.partition("=")
        if not equals or not key or key in sweep:
            raise UsageError(f"--sweep {text}: write KEY=VALUE,VALUE, each KEY once: --sweep lambda_NCE=1,2,5")
        sweep[key] = read_value(f"[{values}]", f"--sweep {text}")
        if len(sweep[key]) < 2 or any(sweep[key].count(value) > 1 for value in sweep[key]):
            raise UsageError(f"--sweep {text}: give at least two values, each once")
    if (count := prod(map(len, sweep.values()))) > MOST_TRIES:
        raise UsageError(f"--sweep: {count} tries of each contender, more than {MOST_TRIES}; give fewer values")
    return sweep


def combinations(sweep: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Every combination of a sweep's values; a single empty one if nothing is swept."""
    for values in product(*sweep.values()):
        yield dict(zip(sweep, values, strict=True))


def best_try(values: Sequence[Mapping[int, float]], seeds: Sequence[int], higher_is_better: bool) -> int | None:
    """Which try is chosen.

    Args:
        values: per try seed -> score on validation images.
        seeds: that every try has to have.
        higher_is_better: of the score.

    Returns:
        The place of the best mean, the first of equal ones; None while no try has all seeds.
    """
    sign = 1 if higher_is_better else -1
    whole = {place: sum(one[seed] for seed in seeds) for place, one in enumerate(values) if one.keys() >= set(seeds)}
    return max(whole, key=lambda place: (sign * whole[place], -place)) if whole else None
