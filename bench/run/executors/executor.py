"""The contract of executors, and the loop that finishes a graph of runs through any of them."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from bench.base.errors import BenchError
from bench.base.home import Home, RunFolder
from bench.ledger.folders import has_all_scores, is_owned, read_error, read_result
from bench.plugin.discovery import load_plugin, plugins
from bench.plugin.named import name_file
from bench.run.ticket import Ticket, read_tickets
from bench.schema.run_spec import RunSpec

POLL_SECONDS = 0.2
ELSEWHERE = "by another command"


@dataclass
class Outcome:
    """How far one run is, and why in one line.

    Attributes:
        state: `running`; or how it ended: `done`, `failed` or `stopped`; `elsewhere` if another process had it first.
        reason: in one line; empty where there is nothing to say.
    """

    state: Literal["running", "done", "failed", "stopped", "elsewhere"]
    reason: str = ""


# told of the active runs (train key -> where each runs, empty if there is nothing to say) and of the outcomes so far
Update = Callable[[Mapping[str, str], dict[str, Outcome]], None]


class Interrupted(BenchError):
    """Ctrl-C: every running run has saved its state."""


class Executor(ABC):
    """Where runs execute. Subclasses say how a run is started, found again and stopped.

    A run is idempotent and owned by whoever holds the lock in its folder, so an executor may be wrong about what is left to
    do: nothing is done twice. `submit` takes what it has room for, at once; an executor that has a queue of its own takes
    everything. `poll` needs nothing but the tickets, which are in the home, and so works in any later process: the tickets
    of a queue are written as soon as it has given them, and a later command polls them with its own.

    Attributes:
        name, description: literals, read without importing the file.
        has_queue: whether submitted runs wait where the lock in their folder does not show them. If not, the process that
            does a run writes its ticket itself, once it holds the lock.

    Args:
        home: the results root.
        slots: runs at once; None: what the machine has room for.
        per_device: runs at once on each card.
        debug: show tracebacks of failed runs on the terminal too.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    has_queue: ClassVar[bool] = False

    def __init__(self, home: Home, slots: int | None = None, per_device: int = 1, debug: bool = False) -> None:
        self.home, self.slots, self.per_device, self.debug = home, slots, per_device, debug

    @abstractmethod
    def at_once(self, specs: Iterable[RunSpec]) -> int:
        """How many of these runs it does at once, as far as is known; 1 or more."""

    @abstractmethod
    def submit(self, specs: Mapping[str, RunSpec]) -> dict[str, Ticket]:
        """Start or queue runs.

        Args:
            specs: train key -> run, the most urgent first. Each has its `spec.json`, and the runs that it needs have ended.

        Returns:
            Tickets of those that it took; the others are offered again.

        Raises:
            NotAvailable: this executor can never do such a run, for example for lack of a card.
        """

    @abstractmethod
    def poll(self, tickets: Mapping[str, Ticket]) -> dict[str, Outcome]:
        """How far runs are that this or an earlier process submitted.

        Args:
            tickets: train key -> ticket, from `submit` or from the home.
        """

    @abstractmethod
    def cancel(self, tickets: Mapping[str, Ticket]) -> None:
        """Ask runs to save their state and to end; returns once they have."""

    def where(self, ticket: Ticket) -> str:
        """Where a run is under way, for people; empty if there is nothing to say."""
        return ""

    def run(self, specs: Mapping[str, RunSpec], update: Update) -> dict[str, Outcome]:
        """Finish runs, each after the runs that it needs and after the one that scores it.

        Where the latter fails the run goes on: only the scores that ask it are missing. A run that another process owns is
        left out and looked at again: what is finished there is done here too, and what is left lying there is taken over.

        Args:
            specs: train key -> run, needed runs first.
            update: called several times a second.

        Returns:
            train key -> how it ended.

        Raises:
            Interrupted: after Ctrl-C, once every run has saved its state.
        """
        outcomes: dict[str, Outcome] = {}
        tickets = self._queued_before(specs)
        submitted: list[str] = []  # in the order of submission, in which they are cancelled too
        before = {key: Traces.of(self.home.run(key)) for key in specs}
        try:
            while len(outcomes) < len(specs):
                for key, outcome in self.poll(tickets).items():
                    if outcome.state != "running":
                        del tickets[key]
                    if outcome.state not in ("running", "elsewhere"):
                        outcomes[key] = outcome
                others, ready = [], {}
                for key, spec in specs.items():
                    if key in outcomes or key in tickets:
                        continue
                    folder = self.home.run(key)
                    failed = [n for n in spec.needs.values() if n in outcomes and outcomes[n].state != "done"]
                    if failed:
                        outcomes[key] = Outcome("failed", f"needs run {failed[0]}, which {outcomes[failed[0]].state}")
                    elif self._has_owner(folder):
                        others.append(key)
                    elif (ended := before[key].ended_since(folder, spec)) is not None:
                        outcomes[key] = ended
                    elif all(n in outcomes or n not in specs for n in spec.comes_after):
                        ready[key] = spec
                taken = self.submit(ready)
                if self.has_queue:
                    for key, ticket in taken.items():
                        ticket.write(self.home.run(key))
                tickets |= taken
                submitted += taken
                active = {key: self.where(ticket) for key, ticket in tickets.items()}
                update(active | dict.fromkeys(others, ELSEWHERE), outcomes)
                time.sleep(POLL_SECONDS)
        except KeyboardInterrupt:
            self.cancel(_chosen(tickets, submitted))
            raise Interrupted("stopped; every run has saved its state: run the same command to go on") from None
        except BaseException:
            self.cancel(_chosen(tickets, submitted))
            raise
        return outcomes

    def _queued_before(self, specs: Iterable[str]) -> dict[str, Ticket]:
        """The tickets of these runs that an earlier command of this executor's queue left, to be polled in one go."""
        keys = specs if self.has_queue else ()
        kept = (ticket for key in keys for ticket in read_tickets(self.home.run(key)))
        tickets = {ticket.run: ticket for ticket in kept if ticket.executor == self.name}
        return {key: tickets[key] for key, outcome in self.poll(tickets).items() if outcome.state == "running"}

    def _has_owner(self, folder: RunFolder) -> bool:
        """Whether a run is under way, or waits in another executor's queue."""
        return is_owned(folder) or any(map(self._is_queued, read_tickets(folder)))

    def _is_queued(self, ticket: Ticket) -> bool:
        # this executor's own tickets are polled already; of somebody else's installation the lock has to do
        if ticket.executor == self.name or ticket.executor not in plugins("executor"):
            return False
        executor = load_executor(ticket.executor)
        return executor.has_queue and executor(self.home).poll({ticket.run: ticket})[ticket.run].state == "running"


def _chosen(tickets: Mapping[str, Ticket], keys: Iterable[str]) -> dict[str, Ticket]:
    """The tickets that are this command's own to cancel."""
    return {key: tickets[key] for key in keys if key in tickets}


@dataclass(frozen=True)
class Traces:
    """What a run's folder held when a command began, so that what others write since is told from what was there."""

    result: object
    error: object

    @classmethod
    def of(cls, folder: RunFolder) -> Traces:
        """Look now."""
        return cls(_stamp(folder.result), _stamp(folder.error))

    def ended_since(self, folder: RunFolder, spec: RunSpec) -> Outcome | None:
        """How another command ended this run since, None if none did."""
        now = Traces.of(folder)
        error = read_error(folder)
        if error is not None and now.error != self.error and not error.was_killed:
            return Outcome("failed", f"{error.message} ({ELSEWHERE})")
        # that command may have wanted other scores; those of validation images are of one of the same metrics
        if now.result != self.result and read_result(folder) and has_all_scores(folder, spec, ("test",)):
            return Outcome("done", ELSEWHERE)
        return None


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        file = path.stat()
    except FileNotFoundError:
        return None
    return file.st_ino, file.st_mtime_ns


def load_executor(name: str) -> type[Executor]:
    """Import an executor by name, or the `FILE.py:Class` that the user gave."""
    name_file(name)
    loaded: type[Executor] = load_plugin("executor", name, Executor)
    return loaded
