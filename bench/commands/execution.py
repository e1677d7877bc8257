"""What `reproduce` and `compare` share: run what a grid has left, visible in the terminal and in MLflow meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console

from bench.base.words import duration, say, shown_path
from bench.ledger.facts import RunFacts
from bench.plan.expected_time import expected_seconds
from bench.plan.grid import Grid
from bench.run.executors.executor import Executor, Outcome, Update
from bench.run.retention import tidy_all
from bench.show.live import RunView
from bench.tracking.address import how_to_browse
from bench.tracking.background import Background


class Execution:
    """The runs of a grid that are left; making one writes every run's specification and says what will be done.

    Args:
        grid: the runs.
        executor: where they run.
        console: for people.
        mlflow: address at which the runs are shown meanwhile; None: nowhere.

    Attributes:
        todo: train key -> specification of what is not done yet.
        not_shown: why MLflow does not show all of it in the end, in one line; empty if it does.
    """

    def __init__(self, grid: Grid, executor: Executor, console: Console, mlflow: str | None) -> None:
        self.grid, self.executor, self.console, self.mlflow = grid, executor, console, mlflow
        self.started, self.not_shown = time.monotonic(), ""
        damage = grid.write_specs()
        self._facts = grid.facts()
        self.todo = {key: grid.runs[key] for key, known in self._facts.items() if not known.is_complete}
        for line in damage + [line for known in self._facts.values() for line in known.problems]:
            self._say(f"damaged: {line}")
        tidy_all(
            grid.home, {key: spec for key, spec in grid.runs.items() if key not in self.todo}, grid.splits, grid.upkeep
        )
        self.at_once = executor.at_once(self.todo.values())
        self._say(
            f"{len(grid.runs)} runs: {len(grid.runs) - len(self.todo)} done already, {len(self.todo)} to do, "
            f"{self.at_once} at once; everything goes under {shown_path(grid.home.root)}"
        )

    @contextmanager
    def shown_in_mlflow(self) -> Iterator[None]:
        """Show the runs in MLflow for as long as the block runs, if that is wanted, and all of them at its end.

        Where nothing is left to run, what MLflow lacks is shown at the end.
        """
        if self.mlflow is None:
            yield
            return
        background = Background(
            self.grid.home,
            self.mlflow,
            self._say,
            self.grid.runs,
            follows=bool(self.todo),
            catches_up=bool(self.grid.runs),
        )
        with background:
            yield
        self.not_shown = background.missing

    def run(self, watch: Update | None = None, wait: bool = True) -> dict[str, Outcome]:
        """Run what is left.

        Args:
            watch: told of the active runs and the outcomes so far, again and again; it may raise to stop everything.
            wait: whether to; if not, everything is submitted and left to its queue.

        Returns:
            Train key -> how it ended; nothing of runs that are left to a queue.
        """
        self.executor.expected = expected_seconds(self.grid, self.todo)
        if not (wait and self.executor.waits):
            return self._hand_over()
        with RunView(self.console, self.grid.home, self.todo, self.grid.names, self.at_once) as view:

            def seen(active: Mapping[str, str], outcomes: dict[str, Outcome]) -> None:
                view(active, outcomes)
                if watch is not None:
                    watch(active, outcomes)

            return self.executor.run(self.todo, seen)

    def _hand_over(self) -> dict[str, Outcome]:
        tickets = self.executor.hand_over(self.todo)
        self._say(self.executor.said_of(tickets))
        if left := len(self.todo) - len(tickets):
            self._say(f"{left} runs are done by others, or come after those; run the same command again later")
        return {}

    def facts(self) -> dict[str, RunFacts]:
        """What is known of every run now; those that had nothing left to do are not read again."""
        return self._facts | self.grid.facts(list(self.todo))

    def say_end(self) -> None:
        """Say how long all this took, how to look at it in MLflow, and what is not shown there."""
        self._say(f"runs are in {shown_path(self.grid.home.root)}; took {duration(time.monotonic() - self.started)}")
        if self.mlflow is not None:
            self._say(f"browse them: {how_to_browse(self.grid.home, self.mlflow)}")
        if self.not_shown:
            self._say(f"warning: {self.not_shown}")

    def _say(self, line: str) -> None:
        say(self.console, line)
