"""Scoring one set of images with several metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bench.metrics.metric import Evaluation, Score
from bench.plugins import load_metric


def score(uses: Iterable[tuple[str, Mapping[str, Any]]], evaluation: Evaluation) -> list[Score]:
    """Score images; features are extracted once per image set and extractor, whatever the number of metrics.

    Args:
        uses: name (or `FILE.py:Class`) and settings of each metric.
        evaluation: the images.

    Returns:
        One score for each use, in order; a metric that cannot be computed here does not keep the others from it.

    Raises:
        UsageError: if a metric's name or a setting is wrong; before anything is computed.
        BenchError: if a user's metric fails on import.
    """
    resolved = []
    for name, settings in uses:
        metric = load_metric(name)
        resolved.append((metric(), metric.resolve(settings)))
    return [metric.compute(evaluation, settings) for metric, settings in resolved]
