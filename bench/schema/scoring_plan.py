"""Which checkpoints of a run are scored, by which metrics, on how many images."""

from __future__ import annotations

from typing import Any, Literal

from bench.base.validation import Strict
from bench.schema.cell import Checkpoint
from bench.schema.protocol import MetricUse

Split = Literal["validation", "test"]


class ScoringPlan(Strict):
    """How a run is scored; not part of the train key.

    Attributes:
        metrics: what is measured on the test images.
        segmenter: train key of the run that metrics of classes ask; None: there is none, or it is not available here.
        no_segmenter: why it is not available.
        select_by: measured on validation images too, to choose best-on-validation.
        counts: the checkpoint rule that fills cells.
        scored_checkpoints: evenly spaced checkpoints that are kept and scored.
        test_images, validation_images: evenly spaced subsets; None: all.
        outputs_per_input: images made of each of them.
        plugins: sha256 of every user's file of a metric, with what it imports, by reference.
    """

    metrics: list[MetricUse]
    segmenter: str | None = None
    no_segmenter: str = ""
    select_by: str
    counts: Checkpoint
    scored_checkpoints: int
    test_images: int | None
    validation_images: int | None
    outputs_per_input: int = 1
    plugins: dict[str, str] = {}

    def epochs(self, total: int) -> list[int]:
        """The epochs (1-based) whose checkpoints are scored, the last one among them."""
        count = min(self.scored_checkpoints, total)
        return sorted({round(total * (i + 1) / count) for i in range(count)})

    def image_count(self, split: Split) -> int | None:
        """How many images of a split are scored; None: all."""
        return self.test_images if split == "test" else self.validation_images

    def covers(self, other: ScoringPlan) -> bool:
        """Whether both score the same checkpoints on the same images, so that this plan with the other's metrics is both.

        Without a segmentation network the other has nothing that it would lose by being scored with one.
        """
        free: dict[str, Any] = {"metrics": [], "segmenter": None, "no_segmenter": ""}
        is_equal = self.model_copy(update=free) == other.model_copy(update=free)
        return is_equal and other.segmenter in (None, self.segmenter)

    def with_metrics_of(self, other: ScoringPlan) -> ScoringPlan:
        """This plan, with the metrics of both."""
        metrics = self.metrics + [use for use in other.metrics if use not in self.metrics]
        return self.model_copy(update={"metrics": metrics})
