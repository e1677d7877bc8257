"""Owning a run by heartbeat instead of by lock, as jobs on compute nodes do: their file system may know no locks.

A scheduler gives a run to one job at a time, and a job that is started again is the same job; so two owners are rare: a
node that was given up and still lives. The claim in the heartbeat decides then. Whoever finds another one there stops.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType

from bench.base.errors import BenchError
from bench.base.home import RunFolder
from bench.base.processes import is_locked
from bench.base.storage import read_json, write_json
from bench.ledger.heartbeat import Heartbeat, is_beating, read_heartbeat

JOB, EVERY = (
    "CONTRASTBENCH_JOB",
    "CONTRASTBENCH_HEARTBEAT_SECONDS",
)  # set by a scheduler's job for the runs that it does
BEAT_SECONDS = 15.0
SETTLE_SECONDS = 0.5  # after which a claim that another process wrote at the same time is seen


class Taken(BenchError):
    """Another process does this run, or it is not wanted of this job any more."""


def job_here() -> str:
    """The scheduler's job that this process belongs to, in the words of its tickets; empty if it is of none."""
    return os.environ.get(JOB, "")


class Lease:
    """A run owned by this process for as long as it beats; use as a context manager.

    Args:
        folder: the run's.
        job: the scheduler's job, in the words of its ticket.
        stop: called once if the run is not this process's any more, or is not wanted of this job any more.

    Attributes:
        status: with which the process will end; written into the last heartbeat.

    Raises:
        Taken: on entering: another process owns the run, or it was taken from this job.
    """

    def __init__(self, folder: RunFolder, job: str, stop: Callable[[], object]) -> None:
        self.folder, self.job, self.stop = folder, job, stop
        self.every = float(os.environ.get(EVERY) or BEAT_SECONDS)
        self.claim = secrets.token_hex(8)
        self.status: int | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_beating, daemon=True, name="heartbeat")

    def __enter__(self) -> Lease:
        """Claim the run."""
        if is_locked(self.folder.lock):
            raise Taken(f"a process outside of the scheduler does run {self.folder.key}")
        before = read_heartbeat(self.folder)
        if before is not None and before.job != self.job and is_beating(self.folder):
            raise Taken(f"job {before.job} on {before.host} does run {self.folder.key}")
        if is_called_off(self.folder, self.job):
            raise Taken(f"run {self.folder.key} is not wanted of job {self.job} any more")
        self._beat()
        time.sleep(SETTLE_SECONDS)
        if not self._is_mine():
            raise Taken(f"another process took run {self.folder.key} at the same time")
        self._thread.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Say that the process ends, and how."""
        self._ended.set()
        self._thread.join()
        if self._is_mine():
            self._beat(1 if self.status is None else self.status)

    def _keep_beating(self) -> None:
        while not self._ended.wait(self.every):
            if not self._is_mine() or is_called_off(self.folder, self.job):
                self.stop()
                return
            self._beat()

    def _is_mine(self) -> bool:
        found = read_heartbeat(self.folder)
        return found is not None and found.claim == self.claim

    def _beat(self, status: int | None = None) -> None:
        now = Heartbeat(
            job=self.job,
            claim=self.claim,
            host=socket.gethostname(),
            pid=os.getpid(),
            every=self.every,
            beat=time.time(),
            status=status,
        )
        try:
            write_json(self.folder.heartbeat, now.model_dump(mode="json"))
        except BenchError as error:  # the disk is full for a moment, say; the next beat may be written
            print(f"no heartbeat: {error}", flush=True)


def call_off(folder: RunFolder, job: str) -> None:
    """Ask for a run to be stopped, or not to be begun, by a job that also does other runs."""
    write_json(folder.called_off, {"job": job})


def is_called_off(folder: RunFolder, job: str) -> bool:
    """Whether a run is not wanted of this job any more."""
    return bool(read_json(folder.called_off) == {"job": job})
