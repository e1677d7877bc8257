"""Runs shown in MLflow while a command trains, by a process of its own: niced, and unable to slow or fail the runs.

All commands on one home and address share one such process: whoever finds none starts one, and looks again every second, so
that one which died is replaced; it goes on until the last of them has ended. Before it ends, a command asks for a pass and
waits for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from bench.base.errors import BenchError
from bench.base.home import Home
from bench.base.processes import has_members, is_locked, join_group
from bench.tracking.address import TrackingDown, check_usable, how_to_catch_up, mark_path, shown
from bench.tracking.follow import FAREWELL, OTHER, READY
from bench.tracking.last_pass import ask, asked, read_last_pass
from bench.tracking.store import ENVIRONMENT

FOLLOWER = (sys.executable, "-m", "bench.tracking.follow")
WATCH_SECONDS = 1.0  # between looks whether somebody follows
PATIENCE_SECONDS = 2.0  # of waiting before the user is told what is still being done
FINISH_SECONDS = 120.0  # for the last pass; a database of 400 runs that were never shown takes longer: `sync`
ANSWER_SECONDS = 0.1  # between looks whether the last pass has been made
STARTS = 3  # of a process that dies again and again


class Background:
    """The projecting process, ours or another command's; use as a context manager around whatever writes to the ledger.

    Its standard input is a pipe that ends when this process ends, however that happens: then it projects once more and
    exits, so that a killed command's runs do not stay `running`.

    Args:
        home: the results root.
        uri: MLflow's address.
        say: given each line for people; called from a thread.
        keys: the runs that have to be shown; none: whatever there is.
        follows: whether to follow meanwhile. If not, only what is missing at the end is shown.
        catches_up: whether all has to be shown in the end.

    Attributes:
        missing: after the block: why MLflow does not hold all of it, in one line; empty if it does.
    """

    def __init__(
        self,
        home: Home,
        uri: str,
        say: Callable[[str], None],
        keys: Iterable[str] = (),
        *,
        follows: bool = True,
        catches_up: bool = True,
    ) -> None:
        self.home, self.uri, self.say, self.keys = home, uri, say, set(keys)
        self.follows, self.catches_up = follows, catches_up
        self.missing = ""
        self.process: subprocess.Popen[str] | None = None
        self.failure = ""  # why no process is started any more
        self._membership: int | None = None
        self._deaths, self._is_ready = 0, False
        self._stop = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._reader: threading.Thread | None = None

    def __enter__(self) -> Background:
        """Start the process, unless another command's does it."""
        self._membership = join_group(self._commands)
        if self.follows:
            try:
                check_usable(self.home, self.uri)
            except TrackingDown:
                pass  # the process says so, and asks again
            except BenchError as error:
                self.failure = str(error)
                self.say(f"warning: MLflow: {error}")
            self._tend()
            self._watcher.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Have projected what is new, and end."""
        self._stop.set()
        if self._watcher.is_alive():
            self._watcher.join()
        try:
            if self.catches_up:
                self.missing = self._catch_up()
            self._say_farewell()
            self._wait(time.monotonic() + FINISH_SECONDS, lambda: not self._is_alive() or has_members(self._commands))
        finally:
            self._leave()
            if self._is_alive() and has_members(self._commands):
                self.process = None  # it goes on for the others
            if self.process is not None:
                self.process.kill()
            self._reap()

    def is_ready(self) -> bool:
        """Whether the database exists and has been filled, by whomever.

        Raises:
            BenchError: it cannot be.
        """
        if self.failure:
            raise BenchError(self.failure)
        last = read_last_pass(self.home, self.uri) if is_locked(self._lock) else None
        return self._is_ready or (not self._is_alive() and last is not None and not last.failure)

    @property
    def _lock(self) -> Path:
        return mark_path(self.home, self.uri, "follower.lock")

    @property
    def _commands(self) -> Path:
        return mark_path(self.home, self.uri, "commands")

    def _watch(self) -> None:
        while not self._stop.wait(WATCH_SECONDS):
            self._tend()

    def _tend(self) -> None:
        """Start a process if nobody follows, and take note of how the last one ended."""
        if self._is_alive():
            return
        pid = self.process.pid if self.process is not None else 0
        if self._reap() not in (None, 0, OTHER):
            last = read_last_pass(self.home, self.uri)
            self._deaths += 1
            if last is not None and last.is_permanent and f" {pid} " in last.writer:  # it has said why
                self.failure = last.failure
            elif self._deaths >= STARTS:
                self.failure = f"the process that shows runs died {STARTS} times; see {self.home.mlflow_log}"
                self.say(f"warning: MLflow: {self.failure}")
        if not self.failure and not is_locked(self._lock):
            self._start()

    def _start(self) -> None:
        with self.home.mlflow_log.open("ab") as log:
            self.process = subprocess.Popen(
                [*FOLLOWER, str(self.home.root), str(self.home.datasets), self.uri],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,  # Ctrl-C is for the parent, which ends the pipe
                env={**ENVIRONMENT, **os.environ, "OMP_NUM_THREADS": "1"},
            )
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()

    def _is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def _reap(self) -> int | None:
        """The exit status of our process, if one has ended since this was last asked."""
        if self.process is None:
            return None
        status = self.process.wait()
        if self._reader is not None:
            self._reader.join()
        self.process = None
        return status

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None  # it is a pipe
        for line in process.stdout:
            if line.strip() == READY:
                self._is_ready = True
            else:
                self.say(line.strip())

    def _catch_up(self) -> str:
        """Have everything shown; returns why that is not so, empty if it is."""
        last = read_last_pass(self.home, self.uri)
        if not self._is_alive() and last is not None and last.is_current(self.home, self.uri):
            return ""
        request = ask(self.home, self.uri)

        def is_answered() -> bool:
            if self._has_answer(request):
                return True
            self._tend()
            self._say_farewell()
            return bool(self.failure)

        self._wait(time.monotonic() + FINISH_SECONDS, is_answered)
        if self._is_alive() and not has_members(self._commands):  # it may be trying once more
            self._wait(time.monotonic() + FINISH_SECONDS, lambda: not self._is_alive() or has_members(self._commands))
        last = read_last_pass(self.home, self.uri)
        if not self._has_answer(request) or last is None:
            why = self.failure or f"it is slow, and was waited for {FINISH_SECONDS:.0f} s"
        elif last.failure:
            why = last.failure
        else:
            problems = [line for line in last.problems if self._is_ours(line)]
            why = "; ".join(problems[:1]) + (f" (and {len(problems) - 1} more)" if len(problems) > 1 else "")
        return why and (
            f"MLflow at {shown(self.uri)} does not show all of it: {why}; nothing is lost: "
            f"`{how_to_catch_up(self.home, self.uri)}` shows there what is missing"
        )

    def _has_answer(self, request: int) -> bool:
        last = read_last_pass(self.home, self.uri)
        return last is not None and request <= last.answers <= asked(self.home, self.uri)

    def _wait(self, deadline: float, condition: Callable[[], bool]) -> bool:
        """Whether a condition comes true in time; who waits long is told for what."""
        patience = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                return False
            if patience and time.monotonic() > patience:
                patience = 0.0
                self.say("bringing MLflow up to date")
            time.sleep(ANSWER_SECONDS)
        return True

    def _leave(self) -> None:
        """Be no reason any more for a process to go on."""
        if self._membership is not None:
            os.close(self._membership)
            self._membership = None

    def _say_farewell(self) -> None:
        if self.process is not None:
            self._leave()
        if self.process is not None and self.process.stdin is not None and not self.process.stdin.closed:
            with suppress(BrokenPipeError):  # it has ended already, and said why
                self.process.stdin.write(FAREWELL)
                self.process.stdin.close()

    def _is_ours(self, problem: str) -> bool:
        """Whether a problem is not about a run of other commands only."""
        others = {folder.key for folder in self.home.runs()} - self.keys if self.keys else set()
        return not any(key in problem for key in others)
