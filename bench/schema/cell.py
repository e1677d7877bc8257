"""A cell of a paper's table: what was published, what we measured, and whether the two agree.

Three separate fields say that, never one word that mixes them: `state`, `comparability`, `verdict`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.base.device import DeviceType
from bench.base.sealed import Record

State = Literal["done", "failed", "running", "not run", "not implemented", "not available"]
Comparability = Literal["as published", "deviating", "stand-in"]
Verdict = Literal["consistent", "better", "worse", "underpowered"]
Checkpoint = Literal["last", "best-on-validation", "best-on-test"]
CHECKPOINTS: tuple[Checkpoint, ...] = ("last", "best-on-validation", "best-on-test")


class Interval(BaseModel):
    """A two-sided interval and what it is an interval of.

    `kind` is `seeds` (t interval of the mean over seeds), `evaluation` (noise of scoring one model) or `prediction`.
    """

    model_config = ConfigDict(frozen=True)

    low: float
    high: float
    level: float = 0.95
    kind: Literal["seeds", "evaluation", "prediction"]
    method: str


class Measured(BaseModel):
    """One metric at one checkpoint over all seeds of a cell.

    `ceiling` is what the real test images get from the same network, None where a perfect score is known by itself.
    """

    metric: str
    checkpoint: Checkpoint
    values: dict[int, float]
    score_keys: dict[int, str]
    mean: float | None = None
    interval: Interval | None = None
    ceiling: float | None = None
    verdict: Verdict | None = None


class Cell(BaseModel):
    """One cell: identity, published value, our measurements, and the three verdict fields.

    Attributes:
        paper, table, row, column: where the cell stands in the paper.
        method: plugin name, None where no plugin exists.
        protocol: `name@version` whose number this is.
        ran_as: `name@version` actually run (a stand-in's own protocol), with `scale`.
        metric: the metric the paper prints.
        scored_as: the metric measured; differs from `metric` when the extractor is a stand-in.
        higher_is_better: the metric's direction, None where a number should come near to that of the training images.
        published, published_text, published_source, published_note: the printed number, None if the paper leaves the
            cell blank, and its digits as printed.
        state, reason: how far we are and, if not done, why and the way out in one line.
        comparability, deviations: whether the value may stand against the published one, and each difference.
        measured: per checkpoint rule, `last`, `best-on-validation`, `best-on-test`.
        counts: the checkpoint rule that the protocol says counts.
        extra: other metrics of the same runs (metric name -> measurement at the counting checkpoint).
        train_keys: seed -> run.
        device: the type of device that all its runs compute on; None where there is no run.
    """

    paper: str
    table: str
    row: str
    column: str
    method: str | None
    protocol: str
    ran_as: str | None
    scale: str
    metric: str
    scored_as: str | None
    higher_is_better: bool | None
    published: float | None
    published_text: str = ""
    published_source: str = ""
    published_note: str = ""
    state: State
    reason: str = ""
    comparability: Comparability | None = None
    deviations: list[str] = []
    counts: Checkpoint = "last"
    measured: dict[Checkpoint, Measured] = {}
    extra: dict[str, Measured] = {}
    train_keys: dict[int, str] = {}
    device: DeviceType | None = None

    @property
    def value(self) -> Measured | None:
        """The measurement that counts, if there is one."""
        return self.measured.get(self.counts)


class TableCells(Record):
    """A regenerated table's `cells.json`.

    Attributes:
        table: `name@version`.
        cells: all of them, of one scale.
    """

    kind: ClassVar[str] = "cells"
    way_out: ClassVar[str] = "run its reproduce command again, or remove its folder to go on without it"
    new: ClassVar[frozenset[str]] = frozenset()

    table: str
    cells: Annotated[list[Cell], Field(min_length=1)]
