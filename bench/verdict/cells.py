"""Fill cells from the ledger: per-seed values at each checkpoint rule, intervals, and the three verdict fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from bench.ledger.facts import RunFacts
from bench.ledger.folders import ScoreRow, chosen_epochs, is_older
from bench.plan.grid import Grid, PlannedCell
from bench.plugin.discovery import find_plugin
from bench.schema.cell import CHECKPOINTS, Cell, Checkpoint, Interval, Measured, State
from bench.verdict.of_data import counted, of_training_images
from bench.verdict.stats import seed_interval, verdict

# which state a cell shows when its seeds differ: what a person has to know first
MOST_URGENT_FIRST: tuple[State, ...] = ("failed", "running", "not run", "not available", "done")


class _Runs:
    """What is known of the runs, found out once however many cells show them; each by train key."""

    def __init__(self, facts: Mapping[str, RunFacts]) -> None:
        self.facts = facts
        self.scores = {key: known.scores for key, known in facts.items()}
        self._chosen: dict[tuple[str, str, bool], dict[Checkpoint, int]] = {}

    def chosen(self, key: str, select: str, higher_is_better: bool) -> dict[Checkpoint, int]:
        """`chosen_epochs` of a run."""
        question = key, select, higher_is_better
        if question not in self._chosen:
            self._chosen[question] = chosen_epochs(self.scores[key], select, higher_is_better)
        return self._chosen[question]


def cells_of(grid: Grid, facts: Mapping[str, RunFacts] | None = None) -> list[Cell]:
    """Every cell of the grid.

    Args:
        grid: the cells and their runs.
        facts: what is known of every run; None: it is read now.
    """
    runs = _Runs(grid.facts() if facts is None else facts)
    cells = [_cell_of(grid, planned, runs) for planned in grid.cells]
    return [
        of_training_images(cell, cells) if planned.entry.is_target else cell
        for planned, cell in zip(grid.cells, cells, strict=True)
    ]


def _cell_of(grid: Grid, planned: PlannedCell, runs: _Runs) -> Cell:
    cell = planned.template()
    if planned.counted is not None:
        return counted(cell, planned.counted)
    if planned.blocked is not None:
        state, reason = planned.blocked
        return cell.model_copy(update={"state": state, "reason": reason})
    devices = sorted({grid.runs[key].device for key in planned.keys.values()})
    if len(devices) > 1:  # scores of different devices differ in their last digits, so a mean would mix the two
        reason = f"its runs compute on {' and '.join(devices)}; plan all of them with one --device"
        return cell.model_copy(update={"state": "failed", "reason": reason})
    resolution = planned.resolution
    assert resolution is not None  # a cell that is not blocked has been resolved
    select = resolution.ran.select_by
    higher = bool(find_plugin("metric", select).literals["higher_is_better"])
    chosen = {seed: runs.chosen(key, select, higher) for seed, key in planned.keys.items()}

    stand_in = resolution.is_stand_in or cell.scored_as != cell.metric
    comparability = "stand-in" if stand_in else "deviating" if cell.deviations else "as published"
    state, reason = _state(planned, runs, chosen, str(cell.scored_as), cell.counts)
    judged_against = cell.published if state == "done" and comparability == "as published" else None
    measured: dict[Checkpoint, Measured] = {}
    for rule in CHECKPOINTS:
        measurement = over_seeds(planned.keys, runs.scores, chosen, str(cell.scored_as), rule)
        if measurement is not None:
            # some of the seeds are no verdict yet, whichever rule lacks them
            if judged_against is not None and measurement.values.keys() == planned.keys.keys():
                values = list(measurement.values.values())
                judged = verdict(judged_against, values, cell.higher_is_better, planned.entry.aim)
                measurement = measurement.model_copy(update={"verdict": judged})
            measured[rule] = measurement
    extra = {}
    for use in resolution.ran.metrics:
        if use.metric != cell.scored_as:
            measurement = over_seeds(planned.keys, runs.scores, chosen, use.metric, cell.counts)
            if measurement is not None:
                extra[use.metric] = measurement

    deviations = list(cell.deviations)
    deviations += _of_records(planned, runs, str(cell.scored_as))
    return cell.model_copy(
        update={
            "state": state,
            "reason": reason,
            "comparability": comparability if state == "done" else None,
            "measured": measured,
            "extra": extra,
            "deviations": deviations,
            "device": devices[0] if devices else None,
        }
    )


def _of_records(planned: PlannedCell, runs: _Runs, metric: str) -> list[str]:
    """What a reader has to know of the records behind a cell: other code made them, or nothing vouches for them."""
    runs_of_it = [runs.facts[key] for key in planned.keys.values()]
    scores = [row for known in runs_of_it for row in known.scores if row.metric == metric and row.has_seal is not None]
    lines = []
    if is_older(set().union(*(known.codes for known in runs_of_it))):
        lines.append("older code: the run was made by an earlier version of contrastbench")
    if is_older({row.code for row in scores if row.code}):
        lines.append("older code: a score was made by an earlier version of contrastbench")
    if any(known.has_seal is False for known in runs_of_it) or not all(row.has_seal for row in scores):
        lines.append("no seal: made by a version of contrastbench that kept no checksums of results and scores")
    return lines


def over_seeds(
    keys_by_seed: dict[int, str],
    scores: Mapping[str, Sequence[ScoreRow]],
    chosen: dict[int, dict[Checkpoint, int]],
    metric: str,
    rule: Checkpoint,
) -> Measured | None:
    """One metric at one checkpoint rule over the seeds that have it.

    Args:
        keys_by_seed: seed -> train key.
        scores: train key -> `run_scores`.
        chosen: seed -> `chosen_epochs`.
        metric: what is read.
        rule: which checkpoint.

    Returns:
        The measurement, None if no seed has it.
    """
    values: dict[int, float] = {}
    keys: dict[int, str] = {}
    interval: Interval | None = None
    ceiling: float | None = None
    for seed, key in keys_by_seed.items():
        epoch = chosen[seed].get(rule)
        row = _row_of(scores[key], epoch, metric, of_state="done")
        if row is not None and row.value is not None:
            values[seed], keys[seed] = row.value, row.key
            interval = row.interval or interval
            ceiling = row.ceiling  # one network and one test set score all seeds
    if not values:
        return None
    numbers = list(values.values())
    return Measured(
        metric=metric,
        checkpoint=rule,
        values=values,
        score_keys=keys,
        mean=sum(numbers) / len(numbers),
        interval=seed_interval(numbers) if len(numbers) > 1 else interval,
        ceiling=ceiling,
    )


def _row_of(
    scores: Sequence[ScoreRow], epoch: int | None, metric: str, of_state: State | None = None
) -> ScoreRow | None:
    """A metric of a checkpoint on test images; of a state, if one is given."""
    for row in scores:
        if row.epoch == epoch and row.metric == metric and row.split == "test" and of_state in (None, row.state):
            return row
    return None


def _why_none_is(rule: Checkpoint, scores: Sequence[ScoreRow]) -> str:
    """Why no checkpoint of a finished run is the one that a rule picks."""
    split = "test" if rule == "best-on-test" else "validation"
    reason = next((row.reason for row in scores if row.split == split and row.state != "done"), "")
    return f"no checkpoint is {rule}: {reason or 'the data set has no validation images'}"


def _state(
    planned: PlannedCell, runs: _Runs, chosen: dict[int, dict[Checkpoint, int]], metric: str, rule: Checkpoint
) -> tuple[State, str]:
    """The cell's state over its seeds, and the reason of the first seed that has that state."""
    states: list[tuple[State, str]] = []
    for seed, key in planned.keys.items():
        state, reason = runs.facts[key].state, runs.facts[key].reason
        if state == "done":
            row = _row_of(runs.scores[key], chosen[seed].get(rule), metric)
            if row is not None:
                state, reason = row.state, row.reason
            else:
                state, reason = "not available", _why_none_is(rule, runs.scores[key])
        states.append((state, reason))
    counts = Counter(state for state, _ in states)
    for state in MOST_URGENT_FIRST:
        if counts[state]:
            reason = next(text for seed_state, text in states if seed_state == state)
            seeds = f"{counts[state]} of {len(states)} seeds {state}; " if state != "done" and len(states) > 1 else ""
            return state, f"{seeds}{reason}".strip("; ")
    return "not run", ""
