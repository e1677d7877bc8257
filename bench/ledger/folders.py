"""The source of truth: run folders read back, and what state each run is in."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from bench.base.checked import Checked
from bench.base.errors import NotAvailable
from bench.base.home import RunFolder
from bench.base.processes import is_locked
from bench.base.sealed import Damaged, read_note
from bench.ledger.checkpoint_files import gone
from bench.ledger.contents import UNREAD, Contents, read_contents, score_files
from bench.ledger.heartbeat import is_beating
from bench.ledger.losses import WAY_OUT, is_whole, read_losses
from bench.ledger.scores import StoredScore, checked_score, read_score, wanted_by_key
from bench.schema.cell import Checkpoint, Interval, State
from bench.schema.records import RunError, RunProgress, RunResult
from bench.schema.run_spec import RunSpec, code_hash
from bench.schema.scoring_plan import Split

if TYPE_CHECKING:
    import pandas as pd


def is_owned(folder: RunFolder) -> bool:
    """Whether a living process does the run: one that holds its lock, or one on a compute node, by its heartbeat."""
    return is_locked(folder.lock) or is_beating(folder)


def checked_result(folder: RunFolder, content: bytes | None = None) -> RunResult | None:
    """What a run wrote when it was done (`bench.run.execute`); None if it is not.

    Args:
        folder: of the run.
        content: of the file, where it has been read already.

    Raises:
        Damaged: it is not what was written.
    """
    result = RunResult.read(folder.result, folder.key, content=content)
    if result is not None and result.key != folder.key:
        raise Damaged(f"{folder.result}: is of run {result.key}; {RunResult.way_out}")
    return result


def read_result(folder: RunFolder) -> RunResult | None:
    """What a run wrote when it was done; None if it is not, or if the file is damaged."""
    try:
        return checked_result(folder)
    except Damaged:
        return None


def read_error(folder: RunFolder) -> RunError | None:
    """Why the last attempt at a run failed; a damaged file says so itself. None if it did not."""
    try:
        return RunError.read(folder.error, folder.key)
    except Damaged as error:
        return RunError(message=str(error))


def read_progress(folder: RunFolder) -> RunProgress:
    """Where a run's process is or was; empty if that cannot be read, which its process will mend."""
    with suppress(ValidationError, Damaged):
        content = read_note(folder.progress, "progress", folder.key, "its process writes it anew")
        return RunProgress.model_validate(content or {}, strict=True)
    return RunProgress()


def run_state(folder: RunFolder) -> tuple[State, str]:
    """The state of a run and, if it is not done, why in one line."""
    try:
        return _state(folder, checked_result(folder), "")
    except Damaged as error:
        return _state(folder, None, str(error))


def _state(folder: RunFolder, result: RunResult | None, damage: str) -> tuple[State, str]:
    """The state of a run whose result has been read; `damage`: what is wrong with that."""
    if result is not None:
        return "done", ""
    if is_owned(folder):
        return "running", ""
    if (failure := read_error(folder)) is not None:
        return "failed", failure.message
    progress = read_progress(folder)
    has_begun = progress.step is not None and progress.total_steps is not None
    steps = f"{progress.step} of {progress.total_steps} steps are done" if has_begun else ""
    return "not run", damage or steps


@dataclass(frozen=True)
class Examined:
    """Every record of a run that was made by training and scoring, checked.

    Attributes:
        state, reason: as of `run_state`.
        result: None if there is none, or if it is damaged.
        scores: those that are what was written.
        problems: a line for each record that is not.
        damaged: of these lines, those of scores, by key.
    """

    state: State
    reason: str
    result: RunResult | None
    scores: list[StoredScore]
    problems: list[str]
    damaged: dict[str, str]

    @property
    def is_older_code(self) -> bool:
        """Whether any part of a finished run was made by other source than the one installed now."""
        if self.result is None:
            return False
        return is_older(self.result.codes | {score.made.code for score in self.scores if score.made is not None})

    @property
    def has_no_seal(self) -> bool:
        """Whether any record is of an earlier format, which had no checksum."""
        return any(not record.seal for record in (*([self.result] if self.result else []), *self.scores))


def examine(folder: RunFolder, checked: Checked | None = None) -> Examined:
    """Check the result, the scores and the loss log of a run; of one that another process does, no log.

    Nothing is imported for it: a run of a metric that is not installed here is examined too.

    Args:
        folder: of the run.
        checked: what was found whole before is not checked again; a finished run of which all is whole is added to it.
    """
    if checked is None or (contents := read_contents(folder)) is None:
        return _examine(folder, UNREAD)
    seen = contents.stamp(folder.key)
    if seen in checked and (known := _as_checked(contents)) is not None:
        return known
    examined = _examine(folder, contents)
    if _is_whole(folder, contents, examined):
        checked.add(seen)
    return examined


def _as_checked(contents: Contents) -> Examined | None:
    """A finished run whose files have been found whole before; None if these have not."""
    with suppress(ValidationError):
        result = RunResult.of_checked(contents.result or b"")
        scores = [StoredScore.of_checked(one) for one in contents.scores.values()]
        return Examined("done", "", result, scores, [], {})
    return None


def _is_whole(folder: RunFolder, contents: Contents, examined: Examined) -> bool:
    """Whether nothing is wrong with any of these contents, so that they give the same when they are not checked."""
    result = examined.result
    if examined.problems or result is None or result.losses is None or contents.losses is None:
        return False
    if not is_whole(folder.metrics, folder.key, result.losses, result.steps, contents.losses):
        return False
    return _as_checked(contents) == examined


def _examine(folder: RunFolder, contents: Contents) -> Examined:
    """Check a run; `contents` are of those of its files that have been read already."""
    result = None
    scores: list[StoredScore] = []
    problems: list[str] = []
    damaged: dict[str, str] = {}
    try:
        result = checked_result(folder, contents.result)
    except Damaged as error:
        problems.append(str(error))
    state, reason = _state(folder, result, "".join(problems))
    for key in score_files(folder):
        try:
            if (score := checked_score(folder, key, contents.scores.get(key))) is not None:
                scores.append(score)
        except Damaged as error:
            damaged[key] = str(error)
    problems += damaged.values()
    if result is not None and not is_owned(folder):
        try:
            require_losses(folder, result, contents.losses)
        except Damaged as error:
            problems.append(str(error))
    return Examined(state, reason, result, scores, problems, damaged)


def is_older(codes: Iterable[str]) -> bool:
    """Whether any of these hashes is of other source than the one installed now."""
    return any(code != code_hash() for code in codes)


def has_all_scores(folder: RunFolder, spec: RunSpec, splits: tuple[str, ...]) -> bool:
    """Whether everything the evaluation wants is measured, leaving out what this machine cannot measure yet."""
    return has_all(folder, scores_of(folder, spec, splits, lambda key: read_score(folder, key), {}))


def has_all(folder: RunFolder, scores: Iterable[tuple[ScoreRow, State | None]]) -> bool:
    """`has_all_scores`, of what `scores_of` found."""
    for row, stored in scores:
        if stored == "done" or gone(folder, row.epoch):
            continue
        if stored is None or stored == "failed":
            return False
        if _has_become_available(row.metric, folder.path.parent / "weights"):
            return False
    return True


def _has_become_available(metric: str, weights: Path) -> bool:
    """Whether a metric that lacked its network's weights could be measured now."""
    from bench.metrics.metric import load_metric

    extractor = load_metric(metric).extractor
    if extractor is None:  # no weight file provides aligned truth, and a segmentation network changes the score key
        return False
    try:
        extractor(weights).check()
    except NotAvailable:
        return False
    return True


class ScoreRow(NamedTuple):
    """A score that a run's evaluation wants, as far as it is known.

    Attributes:
        epoch, split, metric: of which checkpoint on which images.
        key: from `score_key`.
        state, reason: how far it is, and why it is not further.
        value, interval, ceiling: None where there is none.
        code: hash of the source that measured it; empty where nothing says so.
        has_seal: False for one of the earlier format; None where nothing is stored.
    """

    epoch: int
    split: Split
    metric: str
    key: str
    state: State
    reason: str
    value: float | None = None
    interval: Interval | None = None
    ceiling: float | None = None
    code: str = ""
    has_seal: bool | None = None


def run_scores(folder: RunFolder, spec: RunSpec, splits: tuple[str, ...]) -> list[ScoreRow]:
    """Every score of one run that its evaluation wants; a damaged one is not run, and says why."""
    damaged: dict[str, str] = {}

    def stored(key: str) -> StoredScore | None:
        try:
            return checked_score(folder, key)
        except Damaged as error:
            damaged[key] = str(error)
            return None

    return [row for row, _ in scores_of(folder, spec, splits, stored, damaged)]


def scores_of(
    folder: RunFolder,
    spec: RunSpec,
    splits: tuple[str, ...],
    stored: Callable[[str], StoredScore | None],
    damaged: Mapping[str, str],
    run: str = "",
) -> Iterator[tuple[ScoreRow, State | None]]:
    """Every score that a run's evaluation wants, and the state of the one that is stored; None where none is.

    Args:
        folder: of the run.
        spec: the run.
        splits: of its data set.
        stored: key -> the score on disk, if it is what was written.
        damaged: key -> what is wrong with one that is not, once it has been asked for.
        run: its train key, where it is known already.
    """
    for key, epoch, split, use in wanted_by_key(spec, splits, run or spec.train_key):
        score = stored(key)
        if score is not None:
            code = sys.intern(score.made.code) if score.made is not None else ""
            row = ScoreRow(
                epoch, split, use.metric, key, score.state, score.reason, score.value, score.interval,
                score.ceiling, code, bool(score.seal),
            )  # fmt: skip
        else:
            row = ScoreRow(epoch, split, use.metric, key, "not run", damaged.get(key, ""))
        if row.state != "done" and (why := gone(folder, epoch)):
            row = row._replace(state="not available", reason=why, value=None)
        yield row, score.state if score is not None else None


def scores_frame(folder: RunFolder, spec: RunSpec, splits: tuple[str, ...]) -> pd.DataFrame:
    """`run_scores` as a frame."""
    import pandas as pd

    return pd.DataFrame(run_scores(folder, spec, splits), columns=list(ScoreRow._fields))


def chosen_epochs(scores: Sequence[ScoreRow], select_by: str, higher_is_better: bool) -> dict[Checkpoint, int]:
    """Which epoch each checkpoint rule picks, as far as the scores allow.

    Args:
        scores: `run_scores` of a run.
        select_by: the metric that chooses.
        higher_is_better: its direction; ties go to the later epoch.
    """
    chosen: dict[Checkpoint, int] = {}
    if not scores:
        return chosen
    sign = 1 if higher_is_better else -1
    chosen["last"] = max(row.epoch for row in scores)
    rules: tuple[tuple[Checkpoint, str], ...] = (("best-on-validation", "validation"), ("best-on-test", "test"))
    for rule, split in rules:
        scored = [row for row in scores if (row.split, row.metric) == (split, select_by)]
        # a rule that has not seen every checkpoint cannot say which is best
        if scored and all(row.state == "done" for row in scored):
            chosen[rule] = max((sign * (row.value or 0.0), row.epoch) for row in scored)[1]
    return chosen


def metric_rows(folder: RunFolder) -> list[dict[str, Any]]:
    """A run's losses, one row per logged window; an unfinished last line is left out.

    Raises:
        Damaged: they are not what was written; of a finished run, also if the last ones are missing.
    """
    result = None if is_owned(folder) else read_result(folder)
    return read_losses(folder.metrics, folder.key)[0] if result is None else check_losses(folder, result)


def require_losses(folder: RunFolder, result: RunResult, content: bytes | None = None) -> None:
    """Refuse losses of a finished run that are not those of when it was finished.

    Args:
        folder: of the run.
        result: of the run.
        content: of the loss log, where it has been read already.

    Raises:
        Damaged: they are not.
    """
    if result.losses is None or not is_whole(folder.metrics, folder.key, result.losses, result.steps, content):
        check_losses(folder, result)


def check_losses(folder: RunFolder, result: RunResult) -> list[dict[str, Any]]:
    """The losses of a finished run.

    Raises:
        Damaged: they are not those of when it was finished.
    """
    rows, chain = read_losses(folder.metrics, folder.key)
    if result.losses is not None and chain.seal() != result.losses:
        raise Damaged(
            f"{folder.metrics}: has {len(rows)} rows that are not the {result.losses.rows} that the run wrote; {WAY_OUT}"
        )
    if (rows[-1]["step"] if rows else 0) != result.steps:
        raise Damaged(f"{folder.metrics}: does not end with step {result.steps}, the run's last; {WAY_OUT}")
    return rows


def read_metrics(folder: RunFolder) -> pd.DataFrame:
    """`metric_rows` as a frame."""
    import pandas as pd

    return pd.DataFrame(metric_rows(folder))
