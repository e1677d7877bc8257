"""Which scores a run's evaluation wants, their keys, and how they are read back."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from bench.base.home import RunFolder
from bench.base.sealed import Damaged, Record
from bench.metrics.metric import Score, load_metric
from bench.plugin.discovery import find_plugin, is_usable
from bench.plugin.named import is_file_reference, say_left_out
from bench.schema.protocol import MetricUse
from bench.schema.records import Made
from bench.schema.run_spec import CANONICAL, RunSpec, content_name
from bench.schema.scoring_plan import ScoringPlan, Split


def wanted(spec: RunSpec, splits: Sequence[str]) -> list[tuple[int, Split, MetricUse]]:
    """Every (epoch, split, metric) the evaluation asks for, given the splits that the data set has.

    A metric that is neither installed nor a file named here is left out, which is said: nothing of a record's is run.
    """
    return _wanted(spec.evaluation, spec.scored_epochs, splits)


def _wanted(plan: ScoringPlan, epochs: Sequence[int], splits: Sequence[str]) -> list[tuple[int, Split, MetricUse]]:
    metrics = [use for use in plan.metrics if is_usable("metric", use.metric)]
    for use in plan.metrics:
        if use not in metrics:
            say_left_out("metric", use.metric, "its scores are left out")
    select = [use for use in metrics if use.metric == plan.select_by]
    scores: list[tuple[int, Split, MetricUse]] = []
    for epoch in epochs:
        if "validation" in splits:
            scores += [(epoch, "validation", use) for use in select]
        scores += [(epoch, "test", use) for use in metrics]
    return scores


class StoredScore(Score, Record):
    """A score on disk.

    Attributes:
        key: from `score_key`, the name of its file.
        run, epoch, split: of which checkpoint on which images.
        checkpoint: sha256 of the weights; None where the checkpoint does not say.
        made: what measured it, beside device and threads; None in the earlier format.
        time: when, in seconds since 1970; None where that was not noted.
    """

    kind: ClassVar[str] = "score"
    way_out: ClassVar[str] = "the score counts as missing: run the command that wanted it again, which measures it anew"
    new: ClassVar[frozenset[str]] = frozenset({"checkpoint", "made", "time"})

    key: str
    run: str
    epoch: int
    split: Split
    checkpoint: str | None = None
    made: Made | None = None
    time: Annotated[float, Field(allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.state == "done") != (self.value is not None):
            raise ValueError(f"a score that is {self.state} {'has no' if self.value is None else 'has a'} value")
        return self


def score_identity(run: str, key: str) -> str:
    """What a score's seal says it is of."""
    return f"{run}, score {key}"


def checked_score(folder: RunFolder, key: str, content: bytes | None = None) -> StoredScore | None:
    """A stored score; None if it is missing.

    Args:
        folder: of the run.
        key: of the score.
        content: of its file, where it has been read already.

    Raises:
        Damaged: it is not what was written.
    """
    path = folder.scores / f"{key}.json"
    stored = StoredScore.read(path, score_identity(folder.key, key), content=content)
    if stored is not None and (stored.run, stored.key) != (folder.key, key):
        raise Damaged(f"{path}: is score {stored.key} of run {stored.run}; {StoredScore.way_out}")
    return stored


def read_score(folder: RunFolder, key: str) -> StoredScore | None:
    """A stored score; None if it is missing, or damaged and so to be measured again."""
    try:
        return checked_score(folder, key)
    except Damaged:
        return None


def wanted_by_key(spec: RunSpec, splits: Sequence[str], run: str) -> list[tuple[str, int, Split, MetricUse]]:
    """What `wanted` gives, with the key of each score before it.

    Args:
        spec: the run.
        splits: of its data set.
        run: its train key.
    """
    question = spec.evaluation.model_dump_json(), tuple(spec.scored_epochs), tuple(splits)
    # what a user's file holds may change, and with it the key
    has_files = any(is_file_reference(use.metric) for use in spec.evaluation.metrics)
    found = (_with_texts if has_files else _with_texts_once)(*question)
    return [(_hashed(before, run, after), *score) for (before, after), score in found]


def _with_texts(
    plan: str, epochs: tuple[int, ...], splits: tuple[str, ...]
) -> list[tuple[tuple[str, str], tuple[int, Split, MetricUse]]]:
    """What runs that are scored alike have in common."""
    known = ScoringPlan.model_validate_json(plan)
    return [(_around_run(known, *score), score) for score in _wanted(known, epochs, splits)]


_with_texts_once = lru_cache(maxsize=256)(_with_texts)


def score_key(spec: RunSpec, epoch: int, split: Split, use: MetricUse, run: str = "") -> str:
    """Name one metric of one checkpoint of a run on one set of images.

    Args:
        spec: the run.
        epoch: of which checkpoint.
        split: on which images.
        use: the metric and its settings.
        run: its train key, where it is known already.
    """
    before, after = _around_run(spec.evaluation, epoch, split, use)
    return _hashed(before, run or spec.train_key, after)


def _around_run(plan: ScoringPlan, epoch: int, split: Split, use: MetricUse) -> tuple[str, str]:
    """The text that a score's key is the hash of, before and after the run's own key."""
    metric, plugin = load_metric(use.metric), find_plugin("metric", use.metric)
    parts = {
        "run": "",
        "epoch": epoch,
        "split": split,
        "images": plan.image_count(split),
        "metric": content_name(plugin.content_sha256(), use.metric) if plugin.is_user_file else use.metric,
        "revision": metric.revision,
        "extractor": metric.extractor.id if metric.extractor else None,
        "settings": use.settings,
    }
    if metric.uses_segmenter:
        parts["segmenter"] = plan.segmenter
    if plan.outputs_per_input != 1:
        parts["outputs per input"] = plan.outputs_per_input
    before, _, after = CANONICAL.encode(parts).partition('"run":""')  # of what is sorted before it nothing is nested
    return f'{before}"run":', after


def _hashed(before: str, run: str, after: str) -> str:
    return hashlib.sha256(f"{before}{CANONICAL.encode(run)}{after}".encode()).hexdigest()[:24]
