"""Slurm's queue: how jobs are, asked seldom, and cancelling them. Accounting (`sacct`) is not needed."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass

from bench.base.errors import BenchError, NotAvailable

ANSWER_SECONDS = 60.0
GONE = "Invalid job id"
# every other state is the end of a job; one that is completing has ended and is being cleared away
_UNDER_WAY = {
    "COMPLETING", "CONFIGURING", "PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESIZING", "RUNNING", "SIGNALING",
    "SPECIAL_EXIT", "STAGE_OUT", "STOPPED", "SUSPENDED",
}  # fmt: skip
_WAITING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT"}


@dataclass(frozen=True)
class QueuedJob:
    """A job as the queue shows it.

    Attributes:
        id: `12`, or `12_3` of an array.
        state: in Slurm's words.
        node: where it runs; empty if it does not.
        reason: why it waits or has ended.
    """

    id: str
    state: str
    node: str
    reason: str

    @property
    def is_over(self) -> bool:
        """Whether it will not run any more."""
        return self.state not in _UNDER_WAY

    @property
    def waits(self) -> bool:
        """Whether it is not running yet."""
        return self.state in _WAITING


class QueueSilent(BenchError):
    """The controller does not answer; it may be restarted just now."""


class Queue:
    """The queue as it was when it was last asked.

    Args:
        seconds: an answer is good for so long.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._asked: frozenset[str] = frozenset()
        self._answer: dict[str, QueuedJob] = {}
        self._time = -float("inf")

    def jobs(self, ids: Iterable[str]) -> dict[str, QueuedJob]:
        """The jobs of these ids that the queue still knows: some minutes after their end it forgets them.

        Raises:
            NotAvailable: this machine has no Slurm.
            QueueSilent: the controller does not answer.
        """
        wanted = frozenset(ids)
        if wanted and (time.monotonic() - self._time >= self.seconds or not wanted <= self._asked):
            self._asked |= wanted  # one question for all, however few are asked about at a time
            self._answer = _ask(self._asked)
            self._time = time.monotonic()
        return {id: self._answer[id] for id in wanted if id in self._answer}

    def forget(self) -> None:
        """Ask again next time."""
        self._time = -float("inf")


def _ask(ids: frozenset[str]) -> dict[str, QueuedJob]:
    numbers = ",".join(sorted({id.partition("_")[0] for id in ids}))
    try:
        text = slurm("squeue", "--noheader", "--array", "--states=all", "--format=%i|%T|%N|%r", f"--jobs={numbers}")
    except QueueSilent as error:
        if GONE in str(error):
            return {}
        raise
    jobs = [QueuedJob(*(part.strip() for part in line.split("|", 3))) for line in text.splitlines() if "|" in line]
    return {job.id: job for job in jobs}


def cancel(ids: Iterable[str]) -> None:
    """Ask jobs to end: those that run get SIGTERM, and SIGKILL after the cluster's KillWait."""
    if wanted := sorted(ids):
        slurm("scancel", *wanted)


def slurm(program: str, *arguments: str) -> str:
    """Call a program of Slurm; returns what it prints.

    Raises:
        NotAvailable: this machine has no such program.
        QueueSilent: it failed or did not answer.
    """
    try:
        done = subprocess.run(
            [program, *arguments], capture_output=True, text=True, check=False, timeout=ANSWER_SECONDS
        )
    except FileNotFoundError:
        raise NotAvailable(
            f"{program}: no such program here; use a machine of the cluster that has Slurm's commands (a login node), or "
            "--executor commands for another scheduler"
        ) from None
    except subprocess.TimeoutExpired:
        raise QueueSilent(f"{program} did not answer within {ANSWER_SECONDS:.0f} s; try again later") from None
    if done.returncode != 0:
        raise QueueSilent(f"{program}: {' '.join(done.stderr.split()) or f'status {done.returncode}'}")
    return done.stdout
