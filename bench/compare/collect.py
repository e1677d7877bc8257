"""Findings, read from the run folders: which try of a sweep is chosen, every score, and how the candidates do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.base.home import Home
from bench.compare.contenders import Entrant, Try, differences
from bench.compare.findings import ContenderFindings, Findings, TriedFindings, duels
from bench.compare.rankings import scale_rankings
from bench.compare.spread import Spread, pooled_spread
from bench.compare.sweep import best_try
from bench.ledger.folders import ScoreRow, chosen_epochs, examine, run_scores, run_state
from bench.plan.grid import Grid
from bench.plan.resolve import Resolution
from bench.plugin.discovery import find_plugin
from bench.schema.cell import CHECKPOINTS, Checkpoint, Measured
from bench.verdict.cells import over_seeds

ROUGH_SCALES = ("smoke", "mini")  # whose ranking may not be that of the published training


def collect(
    name: str,
    scale: str,
    budget: str,
    entrants: Sequence[Entrant],
    keys: Mapping[str, dict[int, str]],
    grid: Grid,
    only_metrics: Sequence[str] = (),
    difference: float | None = None,
) -> Findings:
    """Read everything that is known now from the run folders.

    Args:
        name: of the comparison.
        scale: of its runs.
        budget: `equal` or `as-published`.
        entrants: the candidates first.
        keys: label of a try -> seed -> train key.
        grid: the runs.
        only_metrics: compare by these; none: by all of the protocol's.
        difference: the smallest by the selecting metric that matters; None: nobody said.
    """
    first = entrants[0].resolution
    asked, ran, counts = first.asked, first.ran, first.asked.counts
    order = [use.metric for use in ran.metrics if not only_metrics or use.metric in only_metrics]
    chosen = {entrant.label: _chosen(entrant, keys, grid) for entrant in entrants}
    reference = entrants[0].tries[chosen[entrants[0].label]].resolution
    missing: dict[str, str] = {}
    contenders = [
        _contender(entrant, chosen[entrant.label], reference, keys, grid, order, missing) for entrant in entrants
    ]
    metrics = {
        metric: higher
        for metric in order
        # a metric without a direction says of nobody that it is better
        if (higher := find_plugin("metric", metric).literals["higher_is_better"]) is not None
        and any(metric in contender.scores for contender in contenders)
    }
    return Findings(
        name=name,
        protocol=asked.id,
        ran_as=ran.id,
        scale=scale,
        budget=budget,
        seeds=sorted({seed for train_keys in keys.values() for seed in train_keys}),
        counts=counts,
        order=order,
        metrics=metrics,
        missing={metric: reason for metric, reason in missing.items() if metric not in metrics},
        select_by=ran.select_by,
        contenders=contenders,
        duels=duels(contenders, metrics, counts),
        spread=_spread(reference, contenders[0], grid) if ran.select_by in order else None,
        difference=difference,
        rankings=scale_rankings(grid.home, ran.id, scale) if scale in ROUGH_SCALES else [],
    )


def _spread(resolution: Resolution, contender: ContenderFindings, grid: Grid) -> Spread:
    asked, select = resolution.asked, resolution.ran.select_by
    like = grid.runs[next(iter(contender.train_keys.values()))]
    return pooled_spread(
        grid.home, like, f"{asked.id} {resolution.scale_name}", select, asked.counts, _higher_is_better(select)
    )


def _higher_is_better(metric: str) -> bool:
    return bool(find_plugin("metric", metric).literals["higher_is_better"])


def _chosen(entrant: Entrant, keys: Mapping[str, dict[int, str]], grid: Grid) -> int:
    """The place of the try that is shown: the best on validation images, the first while that is not known."""
    if len(entrant.tries) == 1:
        return 0
    tried = [_on_validation(one, keys[one.label], grid) for one in entrant.tries]
    seeds = sorted(keys[entrant.tries[0].label])
    best = best_try(tried, seeds, _higher_is_better(entrant.resolution.ran.select_by))
    return 0 if best is None else best


def _on_validation(one: Try, train_keys: Mapping[int, str], grid: Grid) -> dict[int, float]:
    """Scores on validation images of a try, by seed: of the last checkpoint, or of the best there if that counts."""
    select = one.resolution.ran.select_by
    rule: Checkpoint = "last" if one.resolution.asked.counts == "last" else "best-on-validation"
    found = {}
    for seed, key in train_keys.items():
        rows = _scores(grid, key)
        epoch = chosen_epochs(rows, select, _higher_is_better(select)).get(rule)
        for row in rows:
            if (row.epoch, row.split, row.metric) == (epoch, "validation", select) and row.value is not None:
                found[seed] = row.value
    return found


def _scores(grid: Grid, key: str) -> list[ScoreRow]:
    return run_scores(grid.home.run(key), grid.runs[key], grid.splits[key])


def _contender(
    entrant: Entrant,
    place: int,
    reference: Resolution,
    keys: Mapping[str, dict[int, str]],
    grid: Grid,
    order: Sequence[str],
    missing: dict[str, str],
) -> ContenderFindings:
    """One contender as the try at `place`; metrics that it lacks are added to `missing`, with the reason."""
    one = entrant.tries[place]
    train_keys, select = keys[one.label], one.resolution.ran.select_by
    known = {key: _scores(grid, key) for key in train_keys.values()}
    epochs = {seed: chosen_epochs(known[key], select, _higher_is_better(select)) for seed, key in train_keys.items()}
    scores: dict[str, dict[Checkpoint, Measured]] = {}
    for metric in order:
        by_rule = {rule: over_seeds(train_keys, known, epochs, metric, rule) for rule in CHECKPOINTS}
        scores[metric] = {rule: value for rule, value in by_rule.items() if value is not None}
        for row in (row for rows in known.values() for row in rows):
            if (row.metric, row.state) == (metric, "not available"):
                missing[metric] = row.reason
    problems = _problems(grid.home, train_keys)
    tries = [] if len(entrant.tries) == 1 else [_tried(other, other is one, keys, grid) for other in entrant.tries]
    for other in entrant.tries:
        if other is not one:
            problems += [f"{other.label}: {line}" for line in _problems(grid.home, keys[other.label])]
    return ContenderFindings(
        label=entrant.label,
        method=one.resolution.reference,
        config=one.resolution.values,
        is_candidate=entrant.is_candidate,
        differences=differences(reference, one.resolution),
        deviations=one.resolution.deviations + grid.deviations,
        train_keys=train_keys,
        problems=problems,
        scores={metric: by_rule for metric, by_rule in scores.items() if by_rule},
        tries=tries,
    )


def _tried(one: Try, is_chosen: bool, keys: Mapping[str, dict[int, str]], grid: Grid) -> TriedFindings:
    train_keys = keys[one.label]
    values = _on_validation(one, train_keys, grid)
    return TriedFindings(label=one.label, train_keys=train_keys, values=values, is_chosen=is_chosen)


def _problems(home: Home, train_keys: Mapping[int, str]) -> list[str]:
    """What is not done of some runs, then which records are damaged, one line each."""
    states = {seed: run_state(home.run(key)) for seed, key in train_keys.items()}
    unfinished = [
        f"seed {seed} {state}{f': {reason}' if reason else ''}"
        for seed, (state, reason) in states.items()
        if state != "done"
    ]
    damaged = [
        f"seed {seed}: {line}"
        for seed, key in train_keys.items()
        if states[seed][0] == "done"
        for line in examine(home.run(key)).problems
    ]
    return unfinished + damaged
