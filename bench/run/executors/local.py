"""The `local` executor: a process per run, in slots of a fixed number of threads or on cards; crashes are contained.

Runs are forked from a server process that has imported torch and its optimizers already (about ten seconds of one core,
most of it `torch._dynamo`, which every optimizer's first step imports) but has used neither threads nor devices.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.util import Finalize
from typing import Any

from bench.base.device import cards, require
from bench.base.errors import NotAvailable
from bench.base.home import RunFolder
from bench.base.leftovers import own_folder
from bench.base.threads import ONE_THREAD
from bench.ledger.folders import is_owned, read_error, run_state
from bench.plugin.named import named_files
from bench.run.executors.executor import Executor, Outcome
from bench.run.process import NO_MEMORY, OWNED, STOPPED, run_in_child, say_dead
from bench.run.ticket import Ticket, is_alive, is_here, process_ticket
from bench.schema.run_spec import RunSpec

ORPHANED = 255  # what multiprocessing tells of a run whose server was killed
ORPHANED_TRIES = 3
STOP_SECONDS = 60.0  # a stopped run saves its state after its current step; at 256 px on a CPU one step takes 15 s

# without it Python looks for `bench` in the working directory first, where a user may have a folder of that name
_OWN_PACKAGES = {"PYTHONSAFEPATH": "1"}
# whoever asks the server's torch for cards must not wake the driver there: a fork of that process could not use it
_SLEEPING_DRIVER = {"PYTORCH_NVML_BASED_CUDA_CHECK": "1"}
_PRELOAD = ["bench.run.preload"]


@dataclass
class Job:
    """A run's process and the card that it was given, or those of its ranks, with commas between; empty: none."""

    child: multiprocessing.process.BaseProcess
    card: str

    @property
    def cards(self) -> list[str]:
        """The places that it takes."""
        return self.card.split(",")


class LocalExecutor(Executor):
    """Runs on this machine: on the CPU as many as its cores allow, on cards one for each."""

    name = "local"
    description = "processes on this machine"

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.jobs: dict[str, Job] = {}
        self._orphaned: Counter[str] = Counter()
        self._alone: set[str] = set()  # runs that a card's memory was too small for beside others
        self._cards: dict[str, list[str]] = {}
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(_PRELOAD)

    def at_once(self, specs: Iterable[RunSpec]) -> int:
        """See `Executor.at_once`."""
        return max((len(self._places(spec)) // _cards_of(spec, self._places(spec)) for spec in specs), default=1) or 1

    def _places(self, spec: RunSpec) -> list[str]:
        """The cards of all runs of this kind that may run at once, an empty name for each where runs have none."""
        if spec.device not in self._cards:
            self._cards[spec.device] = cards(spec.device)
        given = self._cards[spec.device] * self.per_device
        if not given and spec.device == "cpu":
            return [""] * (self.slots or _default_slots(spec.threads * spec.ranks.count))
        return given[: self.slots and self.slots * spec.ranks.count]

    def submit(self, specs: Mapping[str, RunSpec]) -> dict[str, Ticket]:
        """See `Executor.submit`; takes as many as there are places free."""
        taken = {}
        for key, spec in specs.items():
            free = self._places(spec)
            if not free:
                require(spec.device)  # says why there is no place at all
            wanted = _cards_of(spec, free)
            if len(set(free)) < wanted:
                raise NotAvailable(
                    f"run {key} is of {wanted} ranks with a card each, and this machine shows {len(set(free))}; "
                    "plan it with fewer --ranks"
                )
            for card in (card for job in self.jobs.values() for card in job.cards):
                if card in free:
                    free.remove(card)
            free = [card for card in dict.fromkeys(free) if self._goes_with_what_is_on(card, key)]
            if len(free) >= wanted:
                taken[key] = self._start(key, ",".join(free[:wanted]))
        return taken

    def _goes_with_what_is_on(self, card: str, key: str) -> bool:
        """Whether a run may be put on a card: one that needs it alone waits until it is empty, and others wait for that."""
        beside = [other for other, job in self.jobs.items() if card in job.cards]
        return not beside if key in self._alone else self._alone.isdisjoint(beside)

    def _start(self, key: str, card: str) -> Ticket:
        arguments = (str(self.home.root), str(self.home.datasets), key, card, named_files())
        child = self.context.Process(target=run_in_child, args=arguments, name=key)
        _start_server()
        try:
            child.start()
        except (OSError, EOFError):  # the server was killed just now
            child = self.context.Process(target=run_in_child, args=arguments, name=key)
            _start_server()
            child.start()
        assert child.pid is not None  # it has started
        self.jobs[key] = Job(child, card)
        return process_ticket(key, child.pid, card=card)

    def where(self, ticket: Ticket) -> str:
        """See `Executor.where`."""
        card = ticket.job.get("card")
        return f"on card {card}" if card else ""

    def poll(self, tickets: Mapping[str, Ticket]) -> dict[str, Outcome]:
        """See `Executor.poll`."""
        return {key: self._outcome(self.home.run(key), ticket) for key, ticket in tickets.items()}

    def _outcome(self, folder: RunFolder, ticket: Ticket) -> Outcome:
        job = self.jobs.get(folder.key)
        if job is None or job.child.pid != ticket.job.get("pid"):
            return _from_files(folder, ticket)
        status: Any = job.child.exitcode
        if status is None:
            return Outcome("running")
        del self.jobs[folder.key]
        if status == 0:
            return Outcome("done")
        if status == OWNED:
            return Outcome("elsewhere")
        if status == STOPPED:
            return Outcome("stopped", "it was asked to stop; run the same command to go on")
        if status == NO_MEMORY and folder.key not in self._alone:
            self._alone.add(folder.key)
            folder.error.unlink(missing_ok=True)
            return Outcome("elsewhere")  # so that it is offered again
        error = read_error(folder)
        if error is not None:
            if self.debug and error.traceback:
                print(error.traceback, file=sys.stderr)
            if status == NO_MEMORY and job.card:
                reason = f"{error.message} (it had card {job.card} to itself)"
                say_dead(folder, reason, was_killed=False)
                return Outcome("failed", reason)
            return Outcome("failed", error.message)
        if status == ORPHANED and self._orphaned[folder.key] < ORPHANED_TRIES:
            self._orphaned[folder.key] += 1  # it saves its state and ends, and is then begun again
            return Outcome("elsewhere")
        if status < 0:
            name = signal.Signals(-status).name
            hint = "; the machine may be out of memory, try --slots 1" if name == "SIGKILL" else ""
            reason = f"run {folder.key} was killed by {name}{hint}; run the same command to go on"
        else:
            reason = f"run {folder.key} ended with status {status}; see {folder.log}"
        say_dead(folder, reason, was_killed=status == -signal.SIGKILL)
        return Outcome("failed", reason)

    def cancel(self, tickets: Mapping[str, Ticket]) -> None:
        """See `Executor.cancel`."""
        mine = {key: self.jobs.pop(key).child for key in tickets if key in self.jobs}
        found_again = [ticket for key, ticket in tickets.items() if key not in mine]
        deadline = time.monotonic() + STOP_SECONDS
        # asked again and again: a run forked just now is still deaf, as the server is
        while time.monotonic() < deadline:
            left = [child for child in mine.values() if child.exitcode is None]
            if not left and not any(map(is_alive, found_again)):
                break
            for child in left:
                child.terminate()
            _signal(found_again, signal.SIGTERM)
            time.sleep(0.1)
        for child in mine.values():
            if child.exitcode is None:
                child.kill()
            child.join()
        _signal(found_again, signal.SIGKILL)


def _default_slots(threads: int) -> int:
    """As many runs at once as the cores allow."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // threads)


def _cards_of(spec: RunSpec, places: list[str]) -> int:
    """How many of these places a run takes: a card for each rank; where there are no cards, one place for all."""
    return spec.ranks.count if any(places) else 1


def _from_files(folder: RunFolder, ticket: Ticket) -> Outcome:
    """How far the run of a process is that this one did not start."""
    if is_alive(ticket) or (not is_here(ticket) and is_owned(folder)):
        return Outcome("running")
    if (error := read_error(folder)) is not None:
        return Outcome("failed", error.message)
    if run_state(folder)[0] == "done":
        return Outcome("done")
    return Outcome("stopped", "its process is gone; run the same command to go on")


def _signal(tickets: Iterable[Ticket], number: signal.Signals) -> None:
    for ticket in tickets:
        if is_alive(ticket):
            with suppress(ProcessLookupError):
                os.kill(ticket.job["pid"], number)


def _start_server() -> None:
    """Start the server that runs are forked from, if it is not up, deaf to what a terminal or a scheduler sends to all.

    The runs are told by whoever started them, and the server has to outlive them.
    """
    on_main_thread = threading.current_thread() is threading.main_thread()  # only that one may change handlers
    deaf_to = (signal.SIGINT, signal.SIGTERM) if on_main_thread else ()
    before = {number: signal.signal(number, signal.SIG_IGN) for number in deaf_to}
    try:
        with _environment(ONE_THREAD | _OWN_PACKAGES | _SLEEPING_DRIVER), _own_temporaries():
            forkserver.ensure_running()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _own_temporaries() -> Iterator[None]:
    """Have multiprocessing's folder, where the server's socket is, in one that later commands know if this one is killed."""
    folder = own_folder()
    if folder is None:  # of this process, which starts its server again; multiprocessing keeps to its first folder
        yield
        return
    Finalize(None, shutil.rmtree, (folder, True), exitpriority=-200)  # multiprocessing removes its own at -100
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables for as long as the block runs."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
