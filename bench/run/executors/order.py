"""In which order runs are begun: first those that keep others, or the end of everything, waiting longest."""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from bench.schema.run_spec import RunSpec


def by_urgency(specs: Mapping[str, RunSpec], expected: Mapping[str, float]) -> dict[str, RunSpec]:
    """Order runs by the time from their beginning to the end of the longest chain of runs that come after them.

    Args:
        specs: train key -> run, needed runs first.
        expected: train key -> seconds; a run that is not in it counts as the mean of the others.

    Returns:
        The same, the longest first and needed runs still before those that need them; equal ones in the order given.
    """
    known = [expected[key] for key in specs if key in expected]
    usual = statistics.fmean(known) if known else 0.0
    behind = dict.fromkeys(specs, 0.0)  # seconds of the longest chain behind each run
    for key, spec in reversed(list(specs.items())):
        chain = behind[key] + expected.get(key, usual)
        for needed in spec.comes_after:
            if needed in behind:
                behind[needed] = max(behind[needed], chain)
    return dict(sorted(specs.items(), key=lambda item: -(behind[item[0]] + expected.get(item[0], usual))))


def levels(specs: Mapping[str, RunSpec]) -> dict[str, int]:
    """How many runs of these stand before each in the longest chain.

    Args:
        specs: train key -> run, needed runs first.
    """
    found: dict[str, int] = {}
    for key, spec in specs.items():
        found[key] = max((found[needed] + 1 for needed in spec.comes_after if needed in found), default=0)
    return found
