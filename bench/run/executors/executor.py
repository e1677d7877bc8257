"""The contract of executors, and the loop that finishes a graph of runs through any of them."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal

from bench.base.errors import BenchError, UsageError
from bench.base.home import Home, RunFolder
from bench.ledger.folders import has_all_scores, is_owned, read_error, read_result
from bench.plugin.discovery import load_plugin, plugins
from bench.plugin.named import name_file
from bench.run.executors.order import by_urgency
from bench.run.ticket import Ticket, read_tickets
from bench.schema.run_spec import RunSpec

POLL_SECONDS = 0.2
ELSEWHERE = "by another command"


@dataclass
class Outcome:
    """How far one run is, and why in one line.

    Attributes:
        state: `queued` or `running`; or how it ended: `done`, `failed` or `stopped`; `elsewhere` if another process had
            it first.
        reason: in one line; of a run under way, where it is; empty where there is nothing to say.
    """

    state: Literal["queued", "running", "done", "failed", "stopped", "elsewhere"]
    reason: str = ""

    @property
    def is_under_way(self) -> bool:
        """Whether whoever was given the run still has it."""
        return self.state in ("queued", "running")


# told of the active runs (train key -> where each runs, empty if there is nothing to say) and of the outcomes so far
Update = Callable[[Mapping[str, str], dict[str, Outcome]], None]


class Interrupted(BenchError):
    """Ctrl-C: every running run has saved its state."""


class Executor(ABC):
    """Where runs execute. Subclasses say how a run is started, found again and stopped.

    A run is idempotent and owned by whoever holds the lock in its folder, so an executor may be wrong about what is left to
    do: nothing is done twice. `submit` takes what it has room for, at once, and is offered the others again; an executor
    that has a queue of its own takes everything in the end, runs whose needed runs are still in its queue among them.
    `poll` needs nothing but the tickets, which are in the home, and so works in any later process: the tickets of a queue
    are written as soon as it has given them, and a later command polls them with its own.

    Attributes:
        name, description: literals, read without importing the file.
        has_queue: whether submitted runs wait where the lock in their folder does not show them. If not, the process that
            does a run writes its ticket itself, once it holds the lock.
        waits: whether `run` sees runs through to their end; if not, they are only handed over, to a queue or to a person.
        expected: train key -> seconds that the run is expected to take, where somebody knows; those that keep others
            waiting longest are submitted first.

    Args:
        home: the results root.
        slots: runs at once; None: what the machine has room for.
        per_device: runs at once on each card.
        debug: show tracebacks of failed runs on the terminal too.
        job: what `--job KEY=VALUE` says of each job; only executors with a queue take any.

    Raises:
        UsageError: it takes no such thing.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    has_queue: ClassVar[bool] = False
    waits: ClassVar[bool] = True

    def __init__(
        self,
        home: Home,
        slots: int | None = None,
        per_device: int = 1,
        debug: bool = False,
        job: Mapping[str, Any] | None = None,
    ) -> None:
        if job and not self.has_queue:
            raise UsageError(f"--job {next(iter(job))}: executor {self.name} submits no jobs; leave --job out")
        self.home, self.slots, self.per_device, self.debug = home, slots, per_device, debug
        self.job: Mapping[str, Any] = job or {}
        self.expected: Mapping[str, float] = {}

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
            UsageError: this executor only hands runs over.
        """
        if not self.waits:
            raise UsageError(f"--executor {self.name}: does no runs itself; use another one here")
        specs = by_urgency(specs, self.expected)
        outcomes: dict[str, Outcome] = {}
        tickets = self._queued_before(specs)
        submitted: list[str] = []  # in the order of submission, in which they are cancelled too
        before = {key: Traces.of(self.home.run(key)) for key in specs}
        try:
            while len(outcomes) < len(specs):
                for key, outcome in self.poll(tickets).items():
                    if not outcome.is_under_way:
                        del tickets[key]
                    if not outcome.is_under_way and outcome.state != "elsewhere":
                        outcomes[key] = outcome
                others: list[str] = []
                ready: dict[str, RunSpec] = {}
                for key, spec in specs.items():
                    if key in outcomes:
                        continue
                    folder = self.home.run(key)
                    failed = [n for n in spec.needs.values() if n in outcomes and outcomes[n].state != "done"]
                    if failed:
                        if key in tickets:
                            self.cancel({key: tickets.pop(key)})
                        outcomes[key] = Outcome("failed", f"needs run {failed[0]}, which {outcomes[failed[0]].state}")
                    elif key in tickets:
                        continue
                    elif self.has_owner(folder):
                        others.append(key)
                    elif (ended := before[key].ended_since(folder, spec)) is not None:
                        outcomes[key] = ended
                    elif self._is_ready(spec, specs.keys() - outcomes.keys(), tickets.keys() | ready.keys()):
                        ready[key] = spec
                taken = self._submit(ready)
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

    def hand_over(self, specs: Mapping[str, RunSpec]) -> dict[str, Ticket]:
        """Submit runs and do not wait for them; what another process does, and what comes after that, is left out.

        Args:
            specs: train key -> run, needed runs first.

        Returns:
            Tickets of those that wait or run in the queue now, from this or from an earlier command.

        Raises:
            UsageError: this executor has no queue that would do them.
        """
        if not self.has_queue:
            raise UsageError(f"--no-wait: executor {self.name} does its runs itself; leave --no-wait out")
        specs = by_urgency(specs, self.expected)
        tickets = self._queued_before(specs)
        while True:
            ready: dict[str, RunSpec] = {}
            for key, spec in specs.items():
                is_new = key not in tickets and not self.has_owner(self.home.run(key))
                if is_new and self._is_ready(spec, specs.keys(), tickets.keys() | ready.keys()):
                    ready[key] = spec
            taken = self._submit(ready)
            if not taken:
                return tickets
            tickets |= taken

    def said_of(self, handed_over: Mapping[str, Ticket]) -> str:
        """What people are told once runs are handed over, in one line."""
        return (
            f"{len(handed_over)} runs wait or run in the queue: contrastbench status shows them, contrastbench cancel ends "
            "them, and the same command again goes on and fills the tables"
        )

    def _is_ready(self, spec: RunSpec, unfinished: Set[str], submitted: Set[str]) -> bool:
        """Whether a run may be submitted: a queue keeps the order of what was given to it itself."""
        ahead = unfinished & set(spec.comes_after)
        return not ahead or (self.has_queue and ahead <= submitted)

    def _submit(self, ready: Mapping[str, RunSpec]) -> dict[str, Ticket]:
        taken = self.submit(ready)
        if self.has_queue:
            for key, ticket in taken.items():
                ticket.write(self.home.run(key))
        return taken

    def _queued_before(self, specs: Iterable[str]) -> dict[str, Ticket]:
        """The tickets of these runs that an earlier command of this executor's queue left, to be polled in one go."""
        keys = specs if self.has_queue else ()
        kept = (ticket for key in keys for ticket in read_tickets(self.home.run(key)))
        tickets = {ticket.run: ticket for ticket in kept if ticket.executor == self.name}
        return {key: tickets[key] for key, outcome in self.poll(tickets).items() if outcome.is_under_way}

    def has_owner(self, folder: RunFolder) -> bool:
        """Whether a run is under way, or waits in another executor's queue."""
        return is_owned(folder) or any(map(self._is_queued, read_tickets(folder)))

    def _is_queued(self, ticket: Ticket) -> bool:
        # this executor's own tickets are polled already; of somebody else's installation the lock has to do
        if ticket.executor == self.name:
            return False
        outcome = queue_outcomes(self.home, [ticket]).get(ticket.run)
        return outcome is not None and outcome.is_under_way


def queue_outcomes(home: Home, tickets: Iterable[Ticket]) -> dict[str, Outcome]:
    """How far runs are in the queues of whichever executors gave these tickets; those without a queue are left out.

    Args:
        home: the results root.
        tickets: of any executors; of one run in two queues the first that still has it counts.

    Returns:
        By train key.
    """
    by_executor: dict[str, dict[str, Ticket]] = {}
    for ticket in tickets:
        if ticket.executor in plugins("executor"):
            by_executor.setdefault(ticket.executor, {})[ticket.run] = ticket
    found: dict[str, Outcome] = {}
    for name, theirs in by_executor.items():
        if (executor := _with_queue(name, home)) is not None:
            outcomes = executor.poll(theirs)
            found |= {key: o for key, o in outcomes.items() if key not in found or not found[key].is_under_way}
    return found


@cache  # it remembers what its queue answered just now
def _with_queue(name: str, home: Home) -> Executor | None:
    executor = load_executor(name)
    return executor(home) if executor.has_queue else None


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
