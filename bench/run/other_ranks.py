"""The other ranks of a run on several devices: processes that the run's own one, the first rank, forks, hears and ends.

They are forked before the run is owned, threads are started or a device is used, and vanish as soon as the first rank does:
each waits for the end of a pipe that only the first holds open. If one of them is lost, the run ends with what it said last.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from bench.base.device import is_out_of_memory, memory_figure
from bench.base.errors import BenchError
from bench.base.home import Home
from bench.base.leftovers import own_folder

READY = "contrastbench: this rank is ready"
NO_MEMORY = 5  # the status of a process that its device's memory was too small for
END_SECONDS = 10.0  # in which a lost rank is noticed by the step that waits for it; on cards such a step waits for ever
# FORK is safe where nothing has run yet, and spares each rank the seconds of importing torch
FORK = multiprocessing.get_context("fork") if "fork" in multiprocessing.get_all_start_methods() else None


class RankLost(BenchError):
    """Another rank of the run has ended.

    Attributes:
        was_killed: from outside.
    """

    def __init__(self, message: str, was_killed: bool) -> None:
        super().__init__(message)
        self.was_killed = was_killed


class OtherRank:
    """One of the other ranks: its process, and what it says, which goes into the run's log.

    Args:
        rank: 1 or more.
        work: what the process does.
        alive: both ends of the pipe that ends with the first rank.
    """

    def __init__(self, rank: int, work: Callable[[int], None], alive: tuple[int, int]) -> None:
        assert FORK is not None  # `OtherRanks` has refused
        self.rank, self.last_line = rank, ""
        self.is_ready = threading.Event()
        self._said, says = os.pipe()
        self.process = FORK.Process(target=_be_rank, args=(rank, work, alive, says), daemon=True)
        self.process.start()
        os.close(says)

    def listen(self) -> None:
        """Pass on what it says, until it ends."""
        with os.fdopen(self._said, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.strip() == READY:
                    self.is_ready.set()
                else:
                    self.last_line = line.rstrip("\n")
                    print(f"rank {self.rank}: {self.last_line}", flush=True)
        self.process.join()
        self.is_ready.set()

    def lost(self, key: str) -> RankLost:
        """How its process ended, which it has, and what to do."""
        status, name = self.process.exitcode or 0, f"rank {self.rank} of run {key}"
        if status < 0:
            message = f"{name} was killed by {signal.Signals(-status).name}; run the same command to go on"
        else:
            message = f"{name} failed: {self.last_line or f'status {status}'}"
        return RankLost(message, was_killed=status == -signal.SIGKILL)


class OtherRanks:
    """All other ranks of a run; a context manager, on whose exit they end.

    Args:
        home: the results root.
        key: the run's train key.
        count: of all its ranks.
        give_up: called with why, if a rank is lost and the first one still waits for it; has to end the process.

    Raises:
        BenchError: on entering: this system cannot fork processes.
    """

    def __init__(self, home: Home, key: str, count: int, give_up: Callable[[RankLost], object]) -> None:
        self.home, self.key, self.count, self.give_up = home, key, count, give_up
        self.ranks: list[OtherRank] = []
        self._has_ended = threading.Event()

    def __enter__(self) -> OtherRanks:
        if self.count == 1:
            return self
        if FORK is None:
            raise BenchError(f"run {self.key} is of {self.count} ranks, which needs a system that forks processes")
        self._folder = own_folder() or Path(tempfile.mkdtemp(prefix="contrastbench-"))
        self.meeting = self._folder / "meeting"
        self._alive = os.pipe()
        self.ranks = [OtherRank(rank, self._follow, self._alive) for rank in range(1, self.count)]
        for rank in self.ranks:
            threading.Thread(target=self._watch, args=(rank,), daemon=True).start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end()

    def end(self) -> None:
        """End them; they have nothing to save. Before the first rank leaves, or they would call that a failure."""
        if self._has_ended.is_set() or not self.ranks:
            return
        self._has_ended.set()
        for end in reversed(self._alive):
            os.close(end)
        for rank in self.ranks:
            rank.process.join(END_SECONDS)
            rank.process.kill()
            rank.process.join()
        shutil.rmtree(self._folder, ignore_errors=True)

    def wait_until_ready(self) -> None:
        """Wait until all have opened and built what they need, or one is lost."""
        for rank in self.ranks:
            rank.is_ready.wait()

    def _follow(self, rank: int) -> None:
        from bench.run.follow import follow  # imports torch

        follow(self.home, self.key, rank, self.meeting)

    def _watch(self, rank: OtherRank) -> None:
        """Give up if the first rank still waits for one that is lost: nothing in it can be interrupted."""
        rank.listen()
        if not self._has_ended.wait(2 * END_SECONDS):
            self.give_up(rank.lost(self.key))


def _be_rank(rank: int, work: Callable[[int], None], alive: tuple[int, int], says: int) -> None:
    """What the forked process does; it leaves without what Python does at an end, which is the first rank's to do."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # the first rank is told too, and saves the state
    os.close(alive[1])
    os.dup2(says, 1)
    os.dup2(says, 2)
    threading.Thread(target=_end_with_first, args=(alive[0],), daemon=True).start()
    status = 1
    try:
        work(rank)
        status = 0
    except BenchError as error:
        print(error, flush=True)
    except (Exception, SystemExit) as error:  # a plugin may call exit()
        if is_out_of_memory(error):
            print(memory_figure(error), flush=True)
            status = NO_MEMORY
        else:
            traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _end_with_first(alive: int) -> None:
    """End at once when the first rank has: nothing here is worth saving, and a step that waits cannot be interrupted."""
    os.read(alive, 1)
    os._exit(0)
