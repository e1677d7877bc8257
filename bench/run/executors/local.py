"""The `local` executor: a process per run, in slots of a fixed number of threads; crashes are contained and reported.

Runs are forked from a server process that has imported torch and its optimizers already (about ten seconds of one core,
most of it `torch._dynamo`, which every optimizer's first step imports) but has used neither threads nor devices.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import forkserver

from bench.base.home import Home
from bench.base.storage import explained, read_object
from bench.run.executors.executor import Interrupted, Outcome, default_slots
from bench.run.process import STOPPED, run_in_child
from bench.schema.run_spec import RunSpec

POLL_SECONDS = 0.2
STOP_SECONDS = 60.0  # a stopped run saves its state after its current step; at 256 px on a CPU one step takes 15 s

# The number of threads changes bits. torch is told each run's own number; what else computes (numpy, in scores) has one.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
# without it Python looks for `bench` in the working directory first, where a user may have a folder of that name
_OWN_PACKAGES = {"PYTHONSAFEPATH": "1"}
_PRELOAD = ["bench.run.preload"]


class LocalExecutor:
    """Runs a graph of runs on this machine.

    Args:
        home: the results root.
        slots: runs at once; None: cores divided by the threads of a run.
        debug: show children's tracebacks on the terminal too.
    """

    def __init__(self, home: Home, slots: int | None = None, debug: bool = False) -> None:
        self.home = home
        self.slots = slots
        self.debug = debug
        self.active: dict[str, multiprocessing.process.BaseProcess] = {}
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(_PRELOAD)

    def run(
        self, specs: dict[str, RunSpec], update: Callable[[set[str], dict[str, Outcome]], None]
    ) -> dict[str, Outcome]:
        """Execute runs in order, each after the runs it needs and after the one that scores it.

        Where the latter fails the run goes on: only the scores that ask it are missing.

        Args:
            specs: train key -> run, needed runs first.
            update: called several times a second with the active keys and the outcomes so far.

        Returns:
            train key -> outcome.

        Raises:
            Interrupted: after Ctrl-C, once every child has saved its state.
        """
        outcomes: dict[str, Outcome] = {}
        waiting = list(specs)
        slots = self.slots or default_slots(max((spec.threads for spec in specs.values()), default=1))
        try:
            while waiting or self.active:
                for key in list(waiting):
                    failed = [n for n in specs[key].needs.values() if n in outcomes and outcomes[n].state != "done"]
                    if failed:
                        waiting.remove(key)
                        outcomes[key] = Outcome("failed", f"needs run {failed[0]}, which {outcomes[failed[0]].state}")
                    elif len(self.active) < slots and not self._unfinished(specs[key], waiting):
                        waiting.remove(key)
                        self.active[key] = self._start(key)
                for key, child in list(self.active.items()):
                    if (status := child.exitcode) is not None:
                        del self.active[key]
                        outcomes[key] = self._outcome(key, status)
                update(set(self.active), outcomes)
                time.sleep(POLL_SECONDS)
        except KeyboardInterrupt:
            self._stop()
            raise Interrupted("stopped; every run has saved its state: run the same command to go on") from None
        except BaseException:
            self._stop()
            raise
        return outcomes

    def _unfinished(self, spec: RunSpec, waiting: list[str]) -> bool:
        return any(key in waiting or key in self.active for key in spec.comes_after)

    def _start(self, key: str) -> multiprocessing.process.BaseProcess:
        folder = self.home.run(key)
        with explained(folder.progress):
            folder.progress.unlink(missing_ok=True)
            folder.error.unlink(missing_ok=True)
        child = self.context.Process(
            target=run_in_child, args=(str(self.home.root), str(self.home.datasets), key), name=key
        )
        _start_server()
        child.start()
        return child

    def _outcome(self, key: str, status: int) -> Outcome:
        if status == 0:
            return Outcome("done")
        if status == STOPPED:
            return Outcome("stopped", "it was asked to stop; run the same command to go on")
        folder = self.home.run(key)
        error = read_object(folder.error)
        if error is not None:
            if self.debug and error.get("traceback"):
                print(error["traceback"], file=sys.stderr)
            return Outcome("failed", str(error.get("message", f"see {folder.log}")))
        if status < 0:
            name = signal.Signals(-status).name
            hint = "; the machine may be out of memory, try --slots 1" if name == "SIGKILL" else ""
            return Outcome("failed", f"run {key} was killed by {name}{hint}; run the same command to go on")
        return Outcome("failed", f"run {key} ended with status {status}; see {folder.log}")

    def _stop(self) -> None:
        for child in self.active.values():
            child.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for child in self.active.values():
            child.join(max(0.1, deadline - time.monotonic()))
            if child.exitcode is None:
                child.kill()
                child.join()
        self.active.clear()


def _start_server() -> None:
    """Start the server that runs are forked from, if it is not up, deaf to the Ctrl-C of the terminal it shares."""
    on_main_thread = threading.current_thread() is threading.main_thread()  # only that one may change handlers
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if on_main_thread else None
    try:
        with _environment(dict.fromkeys(_THREAD_VARIABLES, "1") | _OWN_PACKAGES):
            forkserver.ensure_running()
    finally:
        if on_main_thread:
            signal.signal(signal.SIGINT, before)


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
