"""Which scores a run's evaluation wants, their keys, and how they are read back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.base.home import RunFolder
from bench.base.storage import read_json
from bench.metrics.metric import load_metric
from bench.plugin.discovery import find_plugin, is_usable
from bench.plugin.named import say_left_out
from bench.schema.protocol import MetricUse
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


def read_score(folder: RunFolder, key: str) -> dict[str, Any] | None:
    """A stored score, or None if it is missing or damaged."""
    stored = read_json(folder.scores / f"{key}.json")
    return stored if isinstance(stored, dict) and "state" in stored else None


def score_key(spec: RunSpec, epoch: int, split: Split, use: MetricUse) -> str:
    """Name one metric of one checkpoint of a run on one set of images."""
    metric, plugin = load_metric(use.metric), find_plugin("metric", use.metric)
    parts = {
        "run": spec.train_key,
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
