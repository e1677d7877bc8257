"""The source of truth: run folders read back as pandas frames, and what state each run is in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.base.errors import BenchError, NotAvailable
from bench.base.home import RunFolder
from bench.base.processes import is_locked
from bench.base.storage import read_object
from bench.ledger.scores import read_score, score_key, wanted
from bench.schema.cell import Checkpoint, State
from bench.schema.run_spec import RunSpec, code_hash

if TYPE_CHECKING:
    import pandas as pd


def is_owned(folder: RunFolder) -> bool:
    """Whether a living process holds the run's lock."""
    return is_locked(folder.lock)


def read_result(folder: RunFolder) -> dict[str, Any] | None:
    """What a run wrote when it was done (`bench.run.execute`); None if it is not, or if the file is damaged."""
    result = read_object(folder.result)
    return result if result is not None and result.keys() >= {"code", "steps", "train_seconds"} else None


def run_state(folder: RunFolder) -> tuple[State, str]:
    """The state of a run and, if it failed, why in one line."""
    if read_result(folder) is not None:
        return "done", ""
    if is_owned(folder):
        return "running", ""
    if (error := read_object(folder.error)) is not None:
        return "failed", str(error.get("message", f"see {folder.log}"))
    progress = read_object(folder.progress) or {}
    has_begun = "step" in progress and "total_steps" in progress
    steps = f"{progress['step']} of {progress['total_steps']} steps are done" if has_begun else ""
    return "not run", steps


def is_older_code(folder: RunFolder) -> bool:
    """Whether a finished run was made by other source than the one installed now."""
    result = read_result(folder)
    return result is not None and result["code"] != code_hash()


def has_all_scores(folder: RunFolder, spec: RunSpec, splits: tuple[str, ...]) -> bool:
    """Whether everything the evaluation wants is measured, leaving out what this machine cannot measure yet."""
    for epoch, split, use in wanted(spec, splits):
        stored = read_score(folder, score_key(spec, epoch, split, use))
        if stored is None or stored["state"] == "failed":
            return False
        if stored["state"] == "not available" and _has_become_available(use.metric, folder.path.parent / "weights"):
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


def scores_frame(folder: RunFolder, spec: RunSpec, splits: tuple[str, ...]) -> pd.DataFrame:
    """Every score of one run that its evaluation wants.

    Returns:
        Columns epoch, split, metric, key, state, reason, value and the whole stored `score`.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for epoch, split, use in wanted(spec, splits):
        key = score_key(spec, epoch, split, use)
        stored = read_score(folder, key) or {"state": "not run", "reason": "", "value": None}
        rows.append(
            {
                "epoch": epoch,
                "split": split,
                "metric": use.metric,
                "key": key,
                "state": stored["state"],
                "reason": stored.get("reason", ""),
                "value": stored["value"],
                "score": stored,
            }
        )
    columns = ["epoch", "split", "metric", "key", "state", "reason", "value", "score"]
    return pd.DataFrame(rows, columns=columns)


def chosen_epochs(scores: pd.DataFrame, select_by: str, higher_is_better: bool) -> dict[Checkpoint, int]:
    """Which epoch each checkpoint rule picks, as far as the scores allow.

    Args:
        scores: `scores_frame` of a run.
        select_by: the metric that chooses.
        higher_is_better: its direction; ties go to the later epoch.
    """
    chosen: dict[Checkpoint, int] = {}
    if scores.empty:
        return chosen
    chosen["last"] = int(scores["epoch"].max())
    rules: tuple[tuple[Checkpoint, str], ...] = (("best-on-validation", "validation"), ("best-on-test", "test"))
    for rule, split in rules:
        scored = scores[(scores["split"] == split) & (scores["metric"] == select_by)]
        # a rule that has not seen every checkpoint cannot say which is best
        if len(scored) and (scored["state"] == "done").all():
            ordered = scored.sort_values(["value", "epoch"], ascending=[not higher_is_better, False])
            chosen[rule] = int(ordered["epoch"].iloc[0])
    return chosen


def metric_rows(folder: RunFolder) -> list[dict[str, Any]]:
    """A run's losses, one row per logged window; an unfinished last line is left out.

    Raises:
        BenchError: if a line is damaged.
    """
    rows: list[dict[str, Any]] = []
    lines = folder.metrics.read_bytes().splitlines() if folder.metrics.exists() else []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if isinstance(row, dict) and row.keys() >= {"step", "epoch"}:
            rows.append(row)
        elif number < len(lines):
            raise BenchError(
                f"{folder.metrics}: line {number} is damaged; weights and scores are not affected, but to have the losses "
                "again, remove the run's folder and run the command again"
            )
    return rows


def read_metrics(folder: RunFolder) -> pd.DataFrame:
    """`metric_rows` as a frame."""
    import pandas as pd

    return pd.DataFrame(metric_rows(folder))
