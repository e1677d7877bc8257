"""The base class of every metric, what it is given and what it returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import ValidationError

from bench.base.device import made_on
from bench.base.errors import BenchError, NotAvailable, UsageError
from bench.base.validation import Strict
from bench.features.cache import FeatureCache, Images
from bench.features.extractor import Extractor
from bench.metrics.confusions import Segmentation
from bench.plugin.discovery import load_plugin
from bench.schema.cell import Interval


@dataclass(frozen=True)
class Evaluation:
    """The images to score; every metric of one checkpoint shares one of these.

    Attributes:
        fake: translated test images.
        real: test images of the target domain.
        truth: what fake[i] should look like, aligned pixel by pixel; None where no such truth exists.
        cache: folder of extracted features.
        weights: folder searched first for weight files that the user must supply.
        device: torch device that features are extracted on.
        segmentation: the network and the true classes that metrics of classes ask, or why there are none.
    """

    fake: Images
    real: Images
    truth: Images | None
    cache: Path
    weights: Path | None = None
    device: str = "cpu"
    segmentation: Segmentation | str = "this protocol has no segmentation network; score one that has a segmenter"

    @cached_property
    def _features(self) -> FeatureCache:
        return FeatureCache(self.cache)

    def features(self, extractor: type[Extractor]) -> tuple[np.ndarray, np.ndarray]:
        """Features of the fake and of the real images, each float32 (number of images, dimension).

        Raises:
            NotAvailable: if the extractor's weights are absent.
        """
        network = extractor(self.weights, self.device)
        return self._features.features(network, self.fake), self._features.features(network, self.real)

    def segmented(self) -> Segmentation:
        """What tells the classes in images.

        Raises:
            NotAvailable: if there is no such network, or no true classes to compare with.
        """
        if isinstance(self.segmentation, str):
            raise NotAvailable(self.segmentation)
        return self.segmentation

    def aligned(self) -> Images:
        """The aligned truth.

        Raises:
            NotAvailable: if this data set has none.
            BenchError: if it does not fit the fake images.
        """
        if self.truth is None:
            raise NotAvailable("this data set has no aligned truth to compare with; score an Earth protocol instead")
        if len(self.truth) != len(self.fake) or not len(self.fake):
            raise BenchError(
                f"{len(self.fake)} translated images against {len(self.truth)} of aligned truth; "
                "score the images of the whole test set, one for each"
            )
        return self.truth


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
    device: str = "cpu"
    card: str = ""
    driver: str = ""
    threads: int | None = None


class Metric(ABC):
    """One way to score images. Subclasses say how to `prepare` the inputs and how to `measure` them.

    Attributes:
        name, higher_is_better, description: literals, read without importing the file.
        revision: a literal, raised whenever a change can move a number; part of the score key.
        extractor: the feature network, None for metrics on pixels.
        uses_segmenter: whether it asks the protocol's segmentation network, whose run is then part of the score key.
        Settings: the metric's settings model.
    """

    name: ClassVar[str]
    higher_is_better: ClassVar[bool]
    description: ClassVar[str]
    revision: ClassVar[int]
    extractor: ClassVar[type[Extractor] | None] = None
    uses_segmenter: ClassVar[bool] = False
    Settings: ClassVar[type[MetricSettings]] = MetricSettings

    @abstractmethod
    def prepare(self, evaluation: Evaluation, settings: MetricSettings) -> Any:
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

    def compute(self, evaluation: Evaluation, settings: MetricSettings) -> Score:
        """Score; what this machine or these images cannot give becomes the score's state and reason.

        Args:
            evaluation: the images.
            settings: from `resolve`.

        Returns:
            The score. Its state is `not available` where weights or truth are missing, `failed` where the images
            cannot be scored.
        """
        value, interval, ceiling, state, reason = None, None, None, "done", ""
        try:
            inputs = self.prepare(evaluation, settings)
            value, interval = self.measure(inputs, settings)
            ceiling = self.ceiling(inputs, settings)
        except NotAvailable as error:
            state, reason = "not available", str(error)
        except BenchError as error:
            state, reason = "failed", str(error)
        return Score(
            metric=self.name,
            revision=self.revision,
            value=value,
            state=state,  # type: ignore[arg-type]
            reason=reason,
            interval=interval,
            ceiling=ceiling,
            n_fake=len(evaluation.fake),
            n_real=len(evaluation.real),
            extractor=self.extractor.id if self.extractor else self._segmenter(evaluation),
            settings=settings.model_dump(mode="json"),
            **made_on(evaluation.device),
        )

    def _segmenter(self, evaluation: Evaluation) -> str | None:
        """The name of the segmentation network that was asked."""
        asked = evaluation.segmentation
        return asked.name if self.uses_segmenter and not isinstance(asked, str) else None


def load_metric(reference: str) -> type[Metric]:
    """Import a metric by name or `FILE.py:Class`."""
    loaded: type[Metric] = load_plugin("metric", reference, Metric)
    return loaded


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
