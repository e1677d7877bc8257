"""One MLflow run as it should be, independent of what MLflow already has."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bench.base.home import RunFolder
from bench.schema.run_spec import RunSpec


@dataclass(frozen=True)
class Point:
    """Values at one step: losses of a window of training steps, or one score of one checkpoint."""

    step: int
    time: float
    values: dict[str, float]


@dataclass(frozen=True)
class DataName:
    """The data set of a run, as MLflow shows it.

    Attributes:
        name: for people.
        digest: the beginning of the fingerprint of its pixels.
        config: JSON of the configuration.
    """

    name: str
    digest: str
    config: str


@dataclass
class MlflowRun:
    """One MLflow run.

    Attributes:
        identity: what identifies it: a train key, or a group's identity.
        experiment: `name@version` of the protocol that ran.
        name: for people.
        status: as MLflow calls it.
        started, ended: seconds since 1970; ended is None while it runs.
        parent: identity of the parent record.
        params: never change.
        tags: may change; empty ones are not shown.
        training: losses, by ascending step.
        scores: scores of checkpoints.
        files: artifact path -> file.
        samples: the run whose sample grid is drawn and attached.
        data: what it was trained on.
    """

    identity: str
    experiment: str
    name: str
    status: str
    started: float
    ended: float | None
    parent: str | None
    params: dict[str, str]
    tags: dict[str, str]
    training: list[Point] = field(default_factory=list)
    scores: list[Point] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)
    samples: tuple[RunFolder, RunSpec] | None = None
    data: DataName | None = None
