"""Fill cells from the ledger: per-seed values at each checkpoint rule, intervals, and the three verdict fields."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from bench.ledger.folders import chosen_epochs, is_older, read_result, run_state, scores_frame
from bench.plan.grid import Grid, PlannedCell
from bench.plugin.discovery import find_plugin
from bench.schema.cell import CHECKPOINTS, Cell, Checkpoint, Interval, Measured, State
from bench.verdict.stats import seed_interval, verdict

if TYPE_CHECKING:
    import pandas as pd

# which state a cell shows when its seeds differ: what a person has to know first
MOST_URGENT_FIRST: tuple[State, ...] = ("failed", "running", "not run", "not available", "done")


def cells_of(grid: Grid) -> list[Cell]:
    """Every cell of the grid with what is known now."""
    frames: dict[str, pd.DataFrame] = {}
    for key, spec in grid.runs.items():
        frames[key] = scores_frame(grid.home.run(key), spec, grid.splits[key])
    return [_cell_of(grid, planned, frames) for planned in grid.cells]


def _cell_of(grid: Grid, planned: PlannedCell, frames: dict[str, pd.DataFrame]) -> Cell:
    cell = planned.template()
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
    chosen = {seed: chosen_epochs(frames[key], select, higher) for seed, key in planned.keys.items()}

    stand_in = resolution.is_stand_in or cell.scored_as != cell.metric
    comparability = "stand-in" if stand_in else "deviating" if cell.deviations else "as published"
    state, reason = _state(grid, planned, frames, chosen, str(cell.scored_as), cell.counts)
    # some of the seeds are no verdict yet
    judged_against = cell.published if state == "done" and comparability == "as published" else None
    measured: dict[Checkpoint, Measured] = {}
    for rule in CHECKPOINTS:
        measurement = over_seeds(planned.keys, frames, chosen, str(cell.scored_as), rule)
        if measurement is not None:
            if judged_against is not None and len(measurement.values) == len(
                planned.keys
            ):  # some seeds: no verdict yet
                judged = verdict(judged_against, list(measurement.values.values()), cell.higher_is_better)
                measurement = measurement.model_copy(update={"verdict": judged})
            measured[rule] = measurement
    extra = {}
    for use in resolution.ran.metrics:
        if use.metric != cell.scored_as:
            measurement = over_seeds(planned.keys, frames, chosen, use.metric, cell.counts)
            if measurement is not None:
                extra[use.metric] = measurement

    deviations = list(cell.deviations)
    deviations += _of_records(grid, planned, frames, str(cell.scored_as))
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


def _of_records(grid: Grid, planned: PlannedCell, frames: dict[str, pd.DataFrame], metric: str) -> list[str]:
    """What a reader has to know of the records behind a cell: other code made them, or nothing vouches for them."""
    keys = planned.keys.values()
    results = [result for key in keys if (result := read_result(grid.home.run(key))) is not None]
    scores = [score for key in keys for score in frames[key].loc[frames[key]["metric"] == metric, "score"] if score]
    lines = []
    if is_older(code for result in results for code in result.codes):
        lines.append("older code: the run was made by an earlier version of contrastbench")
    if is_older(score.made.code for score in scores if score.made is not None):
        lines.append("older code: a score was made by an earlier version of contrastbench")
    if not all(record.seal for record in (*results, *scores)):
        lines.append("no seal: made by a version of contrastbench that kept no checksums of results and scores")
    return lines


def over_seeds(
    keys_by_seed: dict[int, str],
    frames: dict[str, pd.DataFrame],
    chosen: dict[int, dict[Checkpoint, int]],
    metric: str,
    rule: Checkpoint,
) -> Measured | None:
    """One metric at one checkpoint rule over the seeds that have it.

    Args:
        keys_by_seed: seed -> train key.
        frames: train key -> `scores_frame`.
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
        frame = frames[key]
        rows = frame[
            (frame["epoch"] == epoch)
            & (frame["split"] == "test")
            & (frame["metric"] == metric)
            & (frame["state"] == "done")
        ]
        if len(rows):
            row = rows.iloc[0]
            values[seed], keys[seed] = float(row["value"]), str(row["key"])
            interval = row["score"].interval or interval
            ceiling = row["score"].ceiling  # one network and one test set score all seeds
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


def _why_none_is(rule: Checkpoint, frame: pd.DataFrame) -> str:
    """Why no checkpoint of a finished run is the one that a rule picks."""
    split = "test" if rule == "best-on-test" else "validation"
    lacking = frame[(frame["split"] == split) & (frame["state"] != "done")]
    reason = lacking.iloc[0]["reason"] if len(lacking) else ""
    return f"no checkpoint is {rule}: {reason or 'the data set has no validation images'}"


def _state(
    grid: Grid,
    planned: PlannedCell,
    frames: dict[str, pd.DataFrame],
    chosen: dict[int, dict[Checkpoint, int]],
    metric: str,
    rule: Checkpoint,
) -> tuple[State, str]:
    """The cell's state over its seeds, and the reason of the first seed that has that state."""
    states: list[tuple[State, str]] = []
    for seed, key in planned.keys.items():
        state, reason = run_state(grid.home.run(key))
        frame = frames[key]
        if state == "done":
            score = frame[
                (frame["epoch"] == chosen[seed].get(rule)) & (frame["split"] == "test") & (frame["metric"] == metric)
            ]
            if len(score):
                state, reason = score.iloc[0]["state"], score.iloc[0]["reason"]
            else:
                state, reason = "not available", _why_none_is(rule, frame)
        states.append((state, reason))
    counts = Counter(state for state, _ in states)
    for state in MOST_URGENT_FIRST:
        if counts[state]:
            reason = next(text for seed_state, text in states if seed_state == state)
            seeds = f"{counts[state]} of {len(states)} seeds {state}; " if state != "done" and len(states) > 1 else ""
            return state, f"{seeds}{reason}".strip("; ")
    return "not run", ""
