"""What a person sees while runs execute: run, step, losses, time left; a live view on a terminal, lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bench.base.home import Home
from bench.base.streams import printable
from bench.base.words import LINE_SECONDS, duration, say
from bench.ledger.folders import read_progress
from bench.run.executors.executor import Outcome
from bench.schema.run_spec import RunSpec

_MARKS = {"done": ("done", "green"), "failed": ("FAILED", "red")}  # and their colours


class RunView:
    """Shows the runs of one command; use as a context manager and call with the executor's updates.

    Args:
        console: where to show.
        home: the results root, whose `progress.json` files are read.
        specs: every run of this command.
        names: train key -> what people call the run.
        slots: runs at once, for the time left.
    """

    def __init__(
        self, console: Console, home: Home, specs: dict[str, RunSpec], names: dict[str, str], slots: int
    ) -> None:
        self.console, self.home, self.specs, self.names, self.slots = console, home, specs, names, slots
        self.started = time.monotonic()
        self.seen: dict[str, float] = {}
        self.reported: set[str] = set()
        self.durations: list[float] = []
        self._last_line = 0.0
        self._live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None

    def __enter__(self) -> RunView:
        """Start the live view."""
        if self._live:
            self._live.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Remove the live view, whatever happened."""
        if self._live:
            self._live.stop()

    def __call__(self, active: Mapping[str, str], outcomes: dict[str, Outcome]) -> None:
        """Show the present state.

        Args:
            active: train key -> where the run is under way, empty if there is nothing to say.
            outcomes: how runs ended so far.
        """
        for key in active:
            self.seen.setdefault(key, time.monotonic())
        for key, outcome in outcomes.items():
            if key not in self.reported:
                self.reported.add(key)
                took = time.monotonic() - self.seen.get(key, time.monotonic())
                self.durations.append(took)
                mark, style = _MARKS.get(outcome.state, (outcome.state, ""))
                reason = f": {outcome.reason}" if outcome.reason else ""
                line = printable(f" {self.names[key]} in {duration(took)}{reason}")
                self.console.print(Text.assemble((mark, style), line), soft_wrap=True)
        states = {
            key: read_progress(self.home.run(key)).model_dump(exclude_none=True) | {"where": active[key]}
            for key in sorted(active)
        }
        left = self._time_left(states, outcomes)
        summary = (
            f"{len(outcomes)} of {len(self.specs)} runs done, {duration(time.monotonic() - self.started)} so far, "
            + (f"about {duration(left)} left" if left is not None else "time left not known yet")
        )
        if self._live:
            self._live.update(Group(self._table(states), Text(summary, style="bold")))
        elif time.monotonic() - self._last_line >= LINE_SECONDS and active:
            self._last_line = time.monotonic()
            for key, state in states.items():
                say(self.console, f"{self.names[key]}: {_line(state)}")
            say(self.console, summary)

    def _table(self, states: dict[str, dict[str, Any]]) -> Table:
        table = Table.grid(padding=(0, 1))
        for key, state in states.items():
            total = state.get("total_steps") or 1
            bar = ProgressBar(total=total, completed=state.get("step", 0), width=20)
            table.add_row(Text(self.names[key]), bar, Text(_line(state), overflow="ellipsis", no_wrap=True))
        return table

    def _time_left(self, states: dict[str, dict[str, Any]], outcomes: dict[str, Outcome]) -> float | None:
        remaining, totals = 0.0, list(self.durations)
        for key, state in states.items():
            left = _left(state)
            if left is not None:
                remaining += left
                totals.append(left + time.monotonic() - self.seen[key])
        waiting = len(self.specs) - len(outcomes) - len(states)
        if not totals:
            return None
        return (remaining + waiting * sum(totals) / len(totals)) / max(1, min(self.slots, len(states) + waiting))


def _left(state: dict[str, Any]) -> float | None:
    """Seconds of training left in one run, None before the first step."""
    if not {"seconds_per_step", "step", "total_steps"} <= state.keys():
        return None
    return float((state["total_steps"] - state["step"]) * state["seconds_per_step"])


def _line(state: dict[str, Any]) -> str:
    """One run's state in words."""
    place = f"{state['where']}  " if state.get("where") else ""
    phase = state.get("phase", "starting")
    if not {"step", "total_steps", "epoch", "total_epochs", "seconds_per_step"} <= state.keys():
        return f"{place}{phase}"
    losses = " ".join(f"{name} {value:.3g}" for name, value in state.get("losses", {}).items())
    position = f"{place}step {state['step']}/{state['total_steps']} epoch {state['epoch']}/{state['total_epochs']}"
    # the losses last: their number varies, and a narrow terminal cuts the line
    text = f"{position}  {duration(_left(state))} left  {state['seconds_per_step']:.2f} s/step  {losses}"
    return text if phase == "training" else f"{position}  {phase}"
