"""One run in one process: its lock, its progress file, its signals, and how it says that it failed (bench/run/execute.py).

`python -m bench.run.process HOME DATASETS KEY` does what is left of the run in `HOME/KEY` and exits 0, or writes
`error.json` and exits 1 (failed) or 5 (failed for lack of the card's memory), or exits 3 (stopped on request, everything
saved) or 4 (another process owns the run).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from bench.base.device import OUT_OF_MEMORY, VISIBLE, is_out_of_memory, memory_figure
from bench.base.errors import BenchError
from bench.base.home import Home, RunFolder
from bench.base.sealed import write_note
from bench.base.storage import explained
from bench.base.streams import mend_streams
from bench.ledger.folders import is_owned, read_result
from bench.plugin.named import name_file
from bench.run.lease import Lease, Taken, job_here
from bench.run.other_ranks import NO_MEMORY, OtherRanks, RankLost
from bench.run.retention import temporaries
from bench.run.ticket import this_process
from bench.schema.records import RunError
from bench.schema.run_spec import read_spec

STOPPED, OWNED = 3, 4
LOCK_SECONDS = 0.2  # somebody who only looks whether the run is owned holds its lock for an instant
PROGRESS_SECONDS = 0.5
LAST_PHASE = "done"


class ProgressFile:
    """The run's `progress.json`, rewritten at most twice a second; also notices when the parent has died."""

    def __init__(self, folder: RunFolder) -> None:
        self.path = folder.progress
        self.content: dict[str, Any] = {"pid": os.getpid(), "phase": "starting"}
        self.parent, self.starter = os.getppid(), multiprocessing.parent_process()
        self.stop = False
        self._written = 0.0

    def __call__(self, update: dict[str, Any]) -> None:
        """Merge `update` and write what is due: twice a second, a new phase a little sooner, the last phase always."""
        new_phase = update.get("phase", self.content["phase"]) != self.content["phase"]
        self.content |= update
        now = time.monotonic()
        seconds = now - self._written
        is_due = seconds >= PROGRESS_SECONDS or (new_phase and seconds >= PROGRESS_SECONDS / 5)
        if is_due or self.content["phase"] == LAST_PHASE:
            self._written = now
            write_note(self.path, "progress", self.path.parent.name, self.content | {"updated": time.time()})
            # nobody is left who would show this or start the next run; the fork server outlives whoever started it
            if os.getppid() != self.parent or (self.starter is not None and not self.starter.is_alive()):
                self.stop = True

    def should_stop(self) -> bool:
        """Whether a signal or the parent's death asks for an orderly end."""
        return self.stop


class OwnedElsewhere(BenchError):
    """Another process does this run."""


class _Lock:
    """The run owned by its lock file, with this process's ticket in its folder."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder, self.status = folder, 0
        self._lock = FileLock(folder.lock)

    def __enter__(self) -> _Lock:
        try:
            self._lock.acquire(timeout=LOCK_SECONDS, poll_interval=LOCK_SECONDS / 10)
        except Timeout:
            raise OwnedElsewhere(f"another process does run {self.folder.key}") from None
        this_process(self.folder.key).write(self.folder)
        return self

    def __exit__(self, *ended: object) -> None:
        self._lock.release()


def _owner(folder: RunFolder, progress: ProgressFile) -> _Lock | Lease:
    """How this process owns the run: by its lock; in a scheduler's job by heartbeat, which needs no locks."""
    if job := job_here():
        return Lease(folder, job, lambda: setattr(progress, "stop", True))
    return _Lock(folder)


def run_in_child(root: str, datasets: str, key: str, card: str = "", named: Sequence[str] = ()) -> None:
    """Run one run in a process of its own, apart from the terminal, with its output in the run's `log.txt`.

    Args:
        root: the results root.
        datasets: where folder data sets are found.
        key: the run's train key.
        card: the only one that it sees, as CUDA_VISIBLE_DEVICES names it; empty: none.
        named: users' files that may run beside those that the environment names (bench/plugin/named.py).
    """
    for file in named:
        name_file(f"{file}:")
    os.environ[VISIBLE] = card  # before torch looks
    os.setsid()  # Ctrl-C reaches the parent only, which asks its children to stop
    log = os.open(Home(Path(root), Path(datasets)).run(key).log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    mend_streams("utf-8")
    raise SystemExit(main([root, datasets, key]))


def main(arguments: list[str]) -> int:
    """Run one run; returns the exit status."""
    root, datasets, key = arguments
    home = Home(Path(root), Path(datasets))
    folder = home.run(key)
    progress = ProgressFile(folder)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(progress, "stop", True))
    try:
        with _other_ranks(home, folder) as others, _owner(folder, progress) as owner:
            owner.status = _attempt(home, folder, progress, others)
        return owner.status
    except OwnedElsewhere as owned:
        print(owned, flush=True)
        return OWNED
    except Taken as taken:  # the scheduler knows whose it is; this job does not wait for it
        print(taken, flush=True)
        return STOPPED
    except BenchError as error:
        return _fail(folder, str(error))


def _other_ranks(home: Home, folder: RunFolder) -> OtherRanks:
    """The run's other ranks, none where its specification cannot be read, which `execute` says."""
    try:
        count = read_spec(folder.spec).ranks.count
    except BenchError:
        count = 1
    return OtherRanks(
        home, folder.key, count, lambda lost: os._exit(_fail(folder, str(lost), was_killed=lost.was_killed))
    )


def _attempt(home: Home, folder: RunFolder, progress: ProgressFile, others: OtherRanks) -> int:
    """Do what is left of a run that this process owns; returns the exit status."""
    # torch, which a parent that only starts processes does without
    from bench.run.execute import execute
    from bench.run.train import Stopped

    key = folder.key
    try:
        with explained(folder.progress):
            folder.progress.unlink(missing_ok=True)
            folder.error.unlink(missing_ok=True)
            for path in temporaries(folder):
                path.unlink(missing_ok=True)
        execute(home, key, progress, others)
    except Stopped as stop:
        print(stop, flush=True)
        return STOPPED
    except RankLost as lost:
        return _fail(folder, str(lost), was_killed=lost.was_killed)
    except BenchError as error:
        return _fail(folder, str(error))
    except MemoryError:
        return _fail(folder, f"run {key} ran out of memory; use fewer slots (--slots 1) or a smaller scale")
    except (Exception, SystemExit) as error:  # a plugin may call exit()
        if is_out_of_memory(error):
            message = f"run {key} ran out of the device's memory ({memory_figure(error)}); use {OUT_OF_MEMORY}"
            return _fail(folder, message, NO_MEMORY)
        traceback.print_exc()
        first = str(error).strip().split("\n")[0]
        return _fail(folder, f"run {key} crashed: {type(error).__name__}: {first} (traceback in {folder.log})")
    return 0


def _fail(folder: RunFolder, message: str, status: int = 1, was_killed: bool = False) -> int:
    """Say in `error.json` why this process ends; returns the status with which it does."""
    print(message, file=sys.stderr, flush=True)
    try:
        failure = RunError(message=message, traceback=traceback.format_exc(), time=time.time(), was_killed=was_killed)
        failure.write(folder.error, folder.key)
    except BenchError as error:  # the disk may be what failed; the parent shows the log instead
        print(error, file=sys.stderr, flush=True)
    return status


def say_dead(folder: RunFolder, message: str, was_killed: bool) -> None:
    """Say in `error.json` why a process ended that could not say it itself; not of a run that goes on by now.

    Args:
        folder: the run's.
        message: in one line.
        was_killed: whether that came from outside.
    """
    if is_owned(folder) or read_result(folder) is not None:
        return
    try:
        RunError(message=message, time=time.time(), was_killed=was_killed).write(folder.error, folder.key)
    except BenchError as error:  # the outcome is said on the terminal in any case
        print(error, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
