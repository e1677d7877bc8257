"""What commands about whole grids ask of a run, each of its records read once, by as many processes as there are cores."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bench.base.checked import Checked
from bench.base.home import Home, RunFolder
from bench.ledger.folders import ScoreRow, examine, has_all, scores_of
from bench.ledger.over_runs import over_runs
from bench.schema.cell import State
from bench.schema.run_spec import RunSpec


class RunFacts(NamedTuple):
    """What is known of one run.

    Attributes:
        state, reason: as of `bench.ledger.folders.run_state`.
        codes: hashes of the source that trained a finished one.
        has_seal: whether its result is of a format that has one; None where there is no result.
        scores: every score that its evaluation wants.
        problems: a line for each record that is not what was written.
        is_complete: whether nothing of it is left to do.
    """

    state: State
    reason: str
    codes: frozenset[str]
    has_seal: bool | None
    scores: tuple[ScoreRow, ...]
    problems: tuple[str, ...]
    is_complete: bool


def facts_of(folder: RunFolder, spec: RunSpec, splits: tuple[str, ...], checked: Checked | None = None) -> RunFacts:
    """Read one run.

    Args:
        folder: of the run.
        spec: what it is, and how it is scored.
        splits: of its data set.
        checked: see `bench.ledger.folders.examine`.
    """
    examined = examine(folder, checked)
    result = examined.result
    stored = {score.key: score for score in examined.scores}
    wanted = list(scores_of(folder, spec, splits, stored.get, examined.damaged, folder.key))
    return RunFacts(
        examined.state,
        examined.reason,
        frozenset(map(sys.intern, result.codes)) if result is not None else frozenset(),
        bool(result.seal) if result is not None else None,
        tuple(row for row, _ in wanted),
        tuple(examined.problems),
        result is not None and has_all(folder, wanted),
    )


def facts_of_all(
    home: Home, runs: Mapping[str, RunSpec], splits: Mapping[str, tuple[str, ...]], keys: Sequence[str] | None = None
) -> dict[str, RunFacts]:
    """Read many runs.

    Args:
        home: the results root.
        runs: train key -> run.
        splits: train key -> those of its data set.
        keys: which of them; None: all.
    """
    chosen = list(runs) if keys is None else list(keys)

    def facts(key: str, checked: Checked) -> RunFacts:
        return facts_of(home.run(key), runs[key], splits[key], checked)

    found = over_runs(home, facts, chosen)
    return dict(zip(chosen, found, strict=True))
