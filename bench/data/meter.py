"""How far a long job on data is, and the time left: a bar on a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from bench.base.streams import one_line
from bench.base.terminal import Terminal
from bench.base.words import LINE_SECONDS, duration, say


class Meter:
    """One job; a context manager. It writes to the standard error, so that --json stays clean.

    Args:
        title: what is being done.
        unit: what is counted; bytes are shown as MB.
        total: how many there will be, None while unknown.
        done: how many there are already, from an earlier attempt.
        console: where to show; default: the standard error.
    """

    def __init__(
        self,
        title: str,
        unit: Literal["bytes", "images", "files"],
        total: int | None = None,
        done: int = 0,
        console: Console | None = None,
    ) -> None:
        self.title, self.unit, self.total, self.done = title, unit, total, done
        self.console = console or Terminal(stderr=True)
        self._progress: Progress | None = None
        self._began, self._first = time.monotonic(), done
        self._last_line = self._began

    def __enter__(self) -> Meter:
        """Start showing."""
        if self.console.is_terminal:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(20),
                TextColumn("{task.fields[status]}", markup=False),
            )
            self._progress = Progress(*columns, console=self.console, transient=True)
            self._progress.start()
            self._task = self._progress.add_task(
                one_line(self.title), total=self.total, completed=self.done, status=self.status()
            )
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Remove the bar, whatever happened."""
        if self._progress:
            self._progress.stop()

    def restart(self, done: int, total: int | None) -> None:
        """Count from here on; what came before does not enter the speed."""
        self.done, self.total = done, total
        self._began, self._first = time.monotonic(), done
        self.advance(0)

    def advance(self, count: int = 1) -> None:
        """Note that `count` more are done."""
        self.done += count
        if self._progress:
            self._progress.update(self._task, total=self.total, completed=self.done, status=self.status())
        elif time.monotonic() - self._last_line >= LINE_SECONDS:
            self._last_line = time.monotonic()
            say(self.console, f"{self.title}: {self.status()}")

    def status(self) -> str:
        """What is done, how fast, and the time left, in words."""
        elapsed = time.monotonic() - self._began
        rate = (self.done - self._first) / elapsed if elapsed >= 1 else 0.0  # too short to tell a speed
        of = f" of {self._amount(self.total)}" if self.total is not None else ""
        words = f"{self._amount(self.done)}{of} {'MB' if self.unit == 'bytes' else self.unit}"
        if rate <= 0:
            return words
        speed = f"{rate / 1e6:.1f} MB/s" if self.unit == "bytes" else f"{rate:.1f} a second"
        left = "" if self.total is None else f", {duration((self.total - self.done) / rate)} left"
        return f"{words}, {speed}{left}"

    def _amount(self, count: int) -> str:
        return f"{count / 1e6:.1f}" if self.unit == "bytes" else f"{count}"
