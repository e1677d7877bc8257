"""Who does a run where files cannot be locked: a file in its folder that the owner rewrites every few seconds."""

from __future__ import annotations

import time
from contextlib import suppress

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.base.home import RunFolder
from bench.base.storage import read_json

MISSED = 4  # beats that an owner may miss before it counts as dead


class Heartbeat(BaseModel):
    """The last sign of life of a run's process on a compute node.

    Attributes:
        job: which job of the scheduler does the run, in the words of its ticket.
        claim: the process that owns the run; random, so that two of them are told apart.
        host, pid: where it is.
        every: seconds between two beats.
        beat: the time of this one on that node, in seconds since 1970.
        status: with which the process ended; None while it lives.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    job: str
    claim: str
    host: str
    pid: int
    every: float
    beat: float
    status: int | None = None


def read_heartbeat(folder: RunFolder) -> Heartbeat | None:
    """The last heartbeat of a run; None if it never had one, or if it cannot be read."""
    with suppress(ValidationError):
        return Heartbeat.model_validate(read_json(folder.heartbeat), strict=True)
    return None


def age(folder: RunFolder, heartbeat: Heartbeat) -> float:
    """Seconds since a heartbeat, by the clock of whichever of the node and the file system is kinder to it."""
    written = heartbeat.beat
    with suppress(OSError):
        written = max(written, folder.heartbeat.stat().st_mtime)
    return max(0.0, time.time() - written)


def is_beating(folder: RunFolder) -> bool:
    """Whether a run's process on a compute node gave a sign of life just now."""
    heartbeat = read_heartbeat(folder)
    if heartbeat is None or heartbeat.status is not None:
        return False
    return age(folder, heartbeat) < MISSED * heartbeat.every
