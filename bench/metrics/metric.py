"""The base class of every metric, what it is given and what it returns."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import ValidationError

from bench.base.device import made_on
from bench.base.errors import BenchError, NotAvailable, UsageError
from bench.base.validation import Strict
from bench.plugin.discovery import load_plugin
from bench.schema.cell import Interval

if TYPE_CHECKING:  # what reads scores back computes nothing, and does without numpy
    from bench.features.extractor import Extractor
    from bench.metrics.scored_images import ScoredImages


def __getattr__(name: str) -> Any:
    """`ScoredImages`, for metrics that import it from here."""
    if name == "ScoredImages":
        from bench.metrics.scored_images import ScoredImages

        return ScoredImages
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class MetricSettings(Strict):
    """Settings of a metric; protocols write them and the score key contains them."""


class Score(Strict):
    """One metric of one checkpoint.

    Attributes:
        metric, revision: which metric.
        value: None unless `state` is `done`.
        state, reason: how far it got and, if not done, why and the way out.
        interval: the evaluation's own noise (which test images there happened to be), not the noise of training.
        ceiling: what the real test images get, where a perfect score is not known by itself.
        n_fake, n_real: number of images.
        extractor: id of the feature network, or the run of the segmentation network; None for metrics on pixels.
        settings: resolved settings.
        groups: the value of each group of images (of each pair of domains), whose mean is `value`; empty where all
            images are scored together.
        device, card, driver, threads: what it was computed on, and by how many threads of the CPU.
    """

    metric: str
    revision: int
    value: float | None
    state: Literal["done", "not available", "failed"]
    reason: str = ""
    interval: Interval | None = None
    ceiling: float | None = None
    n_fake: int
    n_real: int
    extractor: str | None = None
    settings: dict[str, Any] = {}
    groups: dict[str, float] = {}
    device: str = "cpu"
    card: str = ""
    driver: str = ""
    threads: int | None = None


class Metric(ABC):
    """One way to score images. Subclasses say how to `prepare` the inputs and how to `measure` them.

    Attributes:
        name, higher_is_better, description: literals, read without importing the file. A metric that is neither better high
            nor low, but near to what real images get, has None; no protocol may select checkpoints by it.
        revision: a literal, raised whenever a change can move a number; part of the score key.
        extractor: the feature network, None for metrics on pixels.
        uses_segmenter: whether it uses the protocol's segmentation network, whose run is then part of the score key.
        needs_truth: whether it compares each image with what should have come out.
        Settings: the metric's settings model.
    """

    name: ClassVar[str]
    higher_is_better: ClassVar[bool | None]
    description: ClassVar[str]
    revision: ClassVar[int]
    extractor: ClassVar[type[Extractor] | None] = None
    uses_segmenter: ClassVar[bool] = False
    needs_truth: ClassVar[bool] = False
    Settings: ClassVar[type[MetricSettings]] = MetricSettings

    @abstractmethod
    def prepare(self, images: ScoredImages, settings: MetricSettings) -> Any:
        """Get from images to what is measured: features, or image pairs.

        Raises:
            NotAvailable: if weights or truth are missing.
        """

    @abstractmethod
    def measure(self, inputs: Any, settings: MetricSettings) -> tuple[float, Interval | None]:
        """Compute the value and, where there are enough images, its interval."""

    def ceiling(self, inputs: Any, settings: MetricSettings) -> float | None:
        """What the real test images themselves get, from the same inputs; None where a perfect score is known."""
        return None

    @classmethod
    def resolve(cls, settings: Mapping[str, Any]) -> MetricSettings:
        """Check settings and fill in the defaults.

        Raises:
            UsageError: naming the key that is wrong.
        """
        try:
            return cls.Settings.model_validate(dict(settings))
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            known = ", ".join(cls.Settings.model_fields) or "none"
            raise UsageError(f"metric {cls.name}, setting '{key}': {first['msg']}; settings: {known}") from error

    def compute(self, images: ScoredImages, settings: MetricSettings) -> Score:
        """Score; what this machine or these images cannot give becomes the score's state and reason.

        Args:
            images: what to score.
            settings: from `resolve`.

        Returns:
            The score. Its state is `not available` where weights or truth are missing, `failed` where the images
            cannot be scored.
        """
        value, interval, ceiling, state, reason = None, None, None, "done", ""
        try:
            inputs = self.prepare(images, settings)
            value, interval = self.measure(inputs, settings)
            ceiling = self.ceiling(inputs, settings)
            if not math.isfinite(value):
                raise BenchError(f"{self.name} of these images is {value}, no finite number")
        except NotAvailable as error:
            state, reason = "not available", str(error)
        except BenchError as error:
            value, interval, ceiling, state, reason = None, None, None, "failed", str(error)
        if interval is not None and not (math.isfinite(interval.low) and math.isfinite(interval.high)):
            interval = None
        return Score(
            metric=self.name,
            revision=self.revision,
            value=value,
            state=state,  # type: ignore[arg-type]
            reason=reason,
            interval=interval,
            ceiling=ceiling,
            n_fake=len(images.fake),
            n_real=len(images.real),
            extractor=self.extractor.id if self.extractor else self._segmenter(images),
            settings=settings.model_dump(mode="json"),
            **made_on(images.device),
        )

    def _segmenter(self, images: ScoredImages) -> str | None:
        """The name of the segmentation network that was used."""
        segmentation = images.segmentation
        return segmentation.name if self.uses_segmenter and not isinstance(segmentation, str) else None


def load_metric(reference: str) -> type[Metric]:
    """Import a metric by name or, if it was named on the command line, `FILE.py:Class`."""
    loaded: type[Metric] = load_plugin("metric", reference, Metric)
    return loaded


def score(uses: Iterable[tuple[str, Mapping[str, Any]]], images: ScoredImages) -> list[Score]:
    """Score images; features are extracted once per image set and extractor, whatever the number of metrics.

    Args:
        uses: name (or `FILE.py:Class`) and settings of each metric.
        images: what to score.

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
    return [metric.compute(images, settings) for metric, settings in resolved]


def score_groups(uses: Iterable[tuple[str, Mapping[str, Any]]], groups: Mapping[str, ScoredImages]) -> list[Score]:
    """Score groups of images, each on its own.

    Args:
        uses: as for `score`.
        groups: by name; a single group without a name is scored as `score` does.

    Returns:
        One score for each use, in order; its value is the unweighted mean over groups.
    """
    all_uses = list(uses)
    by_group = {name: score(all_uses, images) for name, images in groups.items()}
    if by_group.keys() == {""}:
        return by_group[""]
    return [_mean_of_groups({name: scores[i] for name, scores in by_group.items()}) for i in range(len(all_uses))]


def _mean_of_groups(scores: Mapping[str, Score]) -> Score:
    """One score of several groups; not done if one of them is not. It has no interval: groups share their inputs."""
    values = {name: group.value for name, group in scores.items() if group.value is not None}
    ceilings = [group.ceiling for group in scores.values() if group.ceiling is not None]
    unfinished = next(((name, group) for name, group in scores.items() if group.state != "done"), None)
    changes: dict[str, Any] = {
        "value": fmean(values.values()) if unfinished is None else None,
        "interval": None,
        "ceiling": fmean(ceilings) if len(ceilings) == len(scores) else None,
        "n_fake": sum(group.n_fake for group in scores.values()),
        "n_real": sum(group.n_real for group in scores.values()),
        "groups": values,
    }
    if unfinished is not None:
        changes |= {"state": unfinished[1].state, "reason": f"{unfinished[0]}: {unfinished[1].reason}"}
    return next(iter(scores.values())).model_copy(update=changes)
