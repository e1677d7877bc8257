"""What a run's folder says of the run: its result, where it is, why it failed, and what made its numbers."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.base.sealed import Record
from bench.base.validation import Strict
from bench.schema.parts import Part
from bench.schema.run_spec import code_hash
from bench.schema.versions import versions

UNKNOWN = "unknown"  # the code of steps whose checkpoints do not say

Count = Annotated[int, Field(ge=0, le=10**15)]
Steps = Annotated[int, Field(gt=0, le=10**12)]
Seconds = Annotated[float, Field(ge=0, le=1e10)]  # 300 years


class Made(Strict):
    """What made a number, written when it is made; when that was stands beside it, so that this compares equal for reruns.

    Attributes:
        code: hash of the source, `bench.schema.run_spec.code_hash`.
        versions: of what computed it, by name.
    """

    code: str
    versions: dict[str, str]

    @classmethod
    def now(cls) -> Made:
        """Of what this process makes now."""
        return cls(code=code_hash(), versions=versions())


class LossSeal(Strict):
    """What a finished run's loss log has to be.

    Attributes:
        rows: how many.
        sha256: of the run's key and the whole file (`bench.ledger.losses`).
    """

    rows: Count
    sha256: str


class RunResult(Record):
    """What a run writes when it is done.

    Attributes:
        key: the train key.
        steps: of the whole training.
        train_seconds: spent in them; None where no checkpoint remembers.
        scored_epochs: whose weights were kept.
        parameters: network -> how many.
        code, versions, device, card, driver, threads: of what finished the training.
        parts: the stretches of training, in order; empty in the earlier format.
        losses: what the loss log has to be; None in the earlier format.
        time: when the training was finished, in seconds since 1970; None in the earlier format.
        memory_bytes: the most that the process held that finished it, of the device's memory; None where nobody counted.
    """

    kind: ClassVar[str] = "result"
    way_out: ClassVar[str] = (
        "the run counts as not finished: run the command that started it again, which finishes it anew"
    )
    new: ClassVar[frozenset[str]] = frozenset({"parts", "losses", "time", "memory_bytes"})

    key: str
    steps: Steps
    train_seconds: Seconds | None
    scored_epochs: list[int]
    parameters: dict[str, Count] = {}
    code: str
    versions: dict[str, str] = {}
    device: str = ""
    card: str = ""
    driver: str = ""
    threads: int | None = None
    parts: list[Part] = []
    losses: LossSeal | None = None
    time: float | None = None
    memory_bytes: Count | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.losses is None and self.train_seconds is None:
            raise ValueError("train_seconds is missing, which every result of the earlier format has")
        return self

    @property
    def codes(self) -> set[str]:
        """Hashes of all source that trained it."""
        return {part.code for part in self.parts} or {self.code}


class RunError(Record):
    """Why the last attempt at a run failed.

    Attributes:
        message: in one line.
        traceback: of the exception.
        time: when, in seconds since 1970.
        was_killed: from outside, which says nothing of the run: another command that wants it goes on with it.
    """

    kind: ClassVar[str] = "error"
    way_out: ClassVar[str] = "log.txt beside it says why the run failed"
    new: ClassVar[frozenset[str]] = frozenset()

    message: str
    traceback: str = ""
    time: float | None = None
    was_killed: bool = False


class RunProgress(BaseModel):
    """Where a run's process is, rewritten all the time; no result is made from it.

    Attributes:
        phase: in words.
        step, total_steps, epoch, total_epochs: of the training.
        losses: the last row's.
        seconds_per_step: so far.
    """

    model_config = ConfigDict(frozen=True)

    phase: str = "starting"
    step: Count | None = None
    total_steps: Steps | None = None
    epoch: Count | None = None
    total_epochs: Count | None = None
    losses: dict[str, float] = {}
    seconds_per_step: Seconds | None = None


def known_seconds(seconds: float) -> float | None:
    """Seconds of training; None if nothing remembers them."""
    return seconds if math.isfinite(seconds) else None
