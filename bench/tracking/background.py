"""Project from a process of its own beside the command that trains: niced, and unable to slow or fail it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from bench.base.home import Home
from bench.tracking.follow import FAREWELL, READY
from bench.tracking.store import ENVIRONMENT, shown

PATIENCE_SECONDS = 2.0  # of waiting before the user is told what is still being done
FINISH_SECONDS = 120.0  # for the last pass; a database of 400 runs that were never shown takes longer: `sync`


class Background:
    """The projecting process; use as a context manager around whatever writes to the ledger.

    Its standard input is a pipe that ends when this process ends, however that happens: then it projects once more and
    exits, so that a killed command's runs do not stay `running`.

    Args:
        home: the results root.
        uri: MLflow's address.
        say: given each line for people; called from a thread.
    """

    def __init__(self, home: Home, uri: str, say: Callable[[str], None]) -> None:
        self.home, self.uri, self.say = home, uri, say
        self.ready = threading.Event()
        self.said: list[str] = []

    def __enter__(self) -> Background:
        """Start the process."""
        log = self.home.mlflow_log.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.tracking.follow", str(self.home.root), str(self.home.datasets), self.uri],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,  # Ctrl-C is for the parent, which ends the pipe
            env={**ENVIRONMENT, **os.environ, "OMP_NUM_THREADS": "1"},
        )
        log.close()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        return self

    def _read(self) -> None:
        assert self.process.stdout is not None  # it is a pipe
        for line in self.process.stdout:
            if line.strip() == READY:
                self.ready.set()
            else:
                self.said.append(line.strip())
                self.say(line.strip())

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Let it project what is new and end."""
        assert self.process.stdin is not None  # it is a pipe
        with suppress(BrokenPipeError):  # it has ended already, and said why
            self.process.stdin.write(FAREWELL)
            self.process.stdin.close()
        try:
            try:
                self.process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self.say("bringing MLflow up to date")
                self.process.wait(FINISH_SECONDS)
        except subprocess.TimeoutExpired:
            self.say(
                f"warning: MLflow at {shown(self.uri)} is slow; nothing is lost: "
                f"`contrastbench sync --home {self.home.root}` shows there what is missing"
            )
        finally:
            self.process.kill()
            self.process.wait()
            self.reader.join()
