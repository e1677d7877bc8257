"""Which scores a run's evaluation wants, their keys, and how they are read back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from bench.base.home import RunFolder
from bench.base.sealed import Damaged, Record
from bench.metrics.metric import Score, load_metric
from bench.plugin.discovery import find_plugin, is_usable
from bench.plugin.named import say_left_out
from bench.schema.protocol import MetricUse
from bench.schema.records import Made
from bench.schema.run_spec import RunSpec, Split, content_name, digest


def wanted(spec: RunSpec, splits: Sequence[str]) -> list[tuple[int, Split, MetricUse]]:
    """Every (epoch, split, metric) the evaluation asks for, given the splits that the data set has.

    A metric that is neither installed nor a file named here is left out, which is said: nothing of a record's is run.
    """
    evaluation = spec.evaluation
    metrics = [use for use in evaluation.metrics if is_usable("metric", use.metric)]
    for use in evaluation.metrics:
        if use not in metrics:
            say_left_out("metric", use.metric, "its scores are left out")
    select = [use for use in metrics if use.metric == evaluation.select_by]
    scores: list[tuple[int, Split, MetricUse]] = []
    for epoch in spec.scored_epochs:
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


def checked_score(folder: RunFolder, key: str) -> StoredScore | None:
    """A stored score; None if it is missing.

    Raises:
        Damaged: it is not what was written.
    """
    path = folder.scores / f"{key}.json"
    stored = StoredScore.read(path, score_identity(folder.key, key))
    if stored is not None and (stored.run, stored.key) != (folder.key, key):
        raise Damaged(f"{path}: is score {stored.key} of run {stored.run}; {StoredScore.way_out}")
    return stored


def read_score(folder: RunFolder, key: str) -> StoredScore | None:
    """A stored score; None if it is missing, or damaged and so to be measured again."""
    try:
        return checked_score(folder, key)
    except Damaged:
        return None


def score_key(spec: RunSpec, epoch: int, split: Split, use: MetricUse, run: str = "") -> str:
    """Name one metric of one checkpoint of a run on one set of images.

    Args:
        spec: the run.
        epoch: of which checkpoint.
        split: on which images.
        use: the metric and its settings.
        run: its train key, where it is known already.
    """
    metric, plugin = load_metric(use.metric), find_plugin("metric", use.metric)
    parts = {
        "run": run or spec.train_key,
        "epoch": epoch,
        "split": split,
        "images": spec.evaluation.image_count(split),
        "metric": content_name(plugin.content_sha256(), use.metric) if plugin.is_user_file else use.metric,
        "revision": metric.revision,
        "extractor": metric.extractor.id if metric.extractor else None,
        "settings": use.settings,
    }
    if metric.uses_segmenter:
        parts["segmenter"] = spec.evaluation.segmenter
    if spec.evaluation.outputs_per_input != 1:
        parts["outputs per input"] = spec.evaluation.outputs_per_input
    return digest(parts)[:24]
