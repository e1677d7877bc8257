"""How much paired differences scatter under a protocol, pooled over the finished runs of a results root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from bench.base.errors import BenchError
from bench.base.home import Home, RunFolder
from bench.ledger.folders import chosen_epochs, run_scores, run_state
from bench.schema.cell import Checkpoint
from bench.schema.run_spec import RunSpec, read_spec

ENOUGH_FREEDOM = 8  # degrees of freedom below which a spread is not told


class Spread(BaseModel):
    """The standard deviation of paired differences by one metric.

    Attributes:
        metric: which.
        deviation: pooled over all pairs of methods; None where no two of them share two seeds.
        freedom: its degrees of freedom.
        runs: what it is pooled from, method -> seeds.
    """

    model_config = ConfigDict(frozen=True)

    metric: str
    deviation: float | None
    freedom: int
    runs: dict[str, int]

    @property
    def is_known(self) -> bool:
        """Whether it may be built upon."""
        return self.deviation is not None and self.freedom >= ENOUGH_FREEDOM

    @property
    def sources(self) -> str:
        """What it is pooled from, in words."""
        return ", ".join(f"{name} ({seeds} seeds)" for name, seeds in self.runs.items()) or "none"


def pooled_spread(
    home: Home, like: RunSpec, asked: str, metric: str, counts: Checkpoint, higher_is_better: bool
) -> Spread:
    """Pool the finished runs of a protocol.

    Args:
        home: the results root.
        like: a run of the comparison; others count that were asked for alike, on the same images.
        asked: `PROTOCOL SCALE`, as runs say who asked for them.
        metric: that selects checkpoints, and whose scores are pooled.
        counts: the checkpoint rule whose scores count.
        higher_is_better: of the metric.
    """
    values: dict[str, dict[int, float]] = {}
    names: dict[str, str] = {}
    for folder in home.runs():
        try:
            spec = read_spec(folder.spec)
            if asked not in spec.asked_by or spec.fingerprint != like.fingerprint or run_state(folder)[0] != "done":
                continue
            value = _score(folder, spec, metric, counts, higher_is_better)
        except BenchError:  # status says so; here it is not counted
            continue
        if value is not None:
            one_setting = spec.model_copy(update={"seed": 0, "needs": {}}).train_key
            values.setdefault(one_setting, {})[spec.seed] = value
            names[one_setting] = spec.name
    deviation, freedom = spread_of(list(values.values()))
    # two settings of one name, such as other code of a loss, are counted together
    runs: dict[str, int] = {}
    for key, by_seed in values.items():
        runs[names[key]] = runs.get(names[key], 0) + len(by_seed)
    return Spread(metric=metric, deviation=deviation, freedom=freedom, runs=dict(sorted(runs.items())))


def _score(folder: RunFolder, spec: RunSpec, metric: str, counts: Checkpoint, higher_is_better: bool) -> float | None:
    rows = run_scores(folder, spec, ("validation", "test"))
    epoch = chosen_epochs(rows, metric, higher_is_better).get(counts)
    found = [row.value for row in rows if (row.epoch, row.split, row.metric) == (epoch, "test", metric)]
    return found[0] if found else None


def spread_of(values: Sequence[Mapping[int, float]]) -> tuple[float | None, int]:
    """The standard deviation of paired differences: of what an effect of each method and each seed leaves over.

    Equal seeds see the same draws, so each has an effect of its own on all methods, of which a paired difference is free.
    The difference of two methods has twice the variance of what is left.

    Args:
        values: per method, seed -> score.

    Returns:
        The deviation, None where nothing is left to estimate it from; and its degrees of freedom.
    """
    rows = [(method, seed, value) for method, by_seed in enumerate(values) for seed, value in by_seed.items()]
    if not rows:
        return None, 0
    seeds = sorted({seed for _, seed, _ in rows})
    design = np.zeros((len(rows), len(values) + len(seeds)))
    for place, (method, seed, _) in enumerate(rows):
        design[place, method] = design[place, len(values) + seeds.index(seed)] = 1.0
    scores = np.array([value for *_, value in rows], np.float64)
    solution, _, rank, _ = np.linalg.lstsq(design, scores, rcond=None)
    freedom = len(rows) - int(rank)
    if freedom < 1:
        return None, 0
    return float(np.sqrt(2 * np.square(scores - design @ solution).sum() / freedom)), freedom
