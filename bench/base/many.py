"""The same work on very many things, shared by as many processes as there are cores.

A process is forked for each core, so that nothing is imported or handed over again; it sends what it finds through a pipe.
Where this process dies the pipe breaks, and so the others end too: nobody has to be looked for.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import TypeVar

from bench.base.errors import BenchError

SHARE = 200  # things that are sent at a time; fewer than two shares for each core are done here
Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def mapped(work: Callable[[Item], Result], items: Sequence[Item], processes: int | None = None) -> Iterator[Result]:
    """The result for each thing, in order.

    Args:
        work: reads only; its results can be pickled.
        items: what it is called with.
        processes: how many share it; None: one for each core, if there is enough to do.

    Raises:
        Exception: whatever `work` raises, of the first thing for which it does.
        BenchError: one of the processes was killed.
    """
    count = min(cores(), len(items) // (2 * SHARE)) if processes is None else processes
    if count < 2:
        yield from map(work, items)
        return
    shares = [items[start : start + SHARE] for start in range(0, len(items), SHARE)]
    children: list[tuple[int, Connection]] = []
    try:
        for place in range(count):
            children.append(_child(work, shares[place::count], [pipe for _, pipe in children]))
        for number in range(len(shares)):
            try:
                results, error = children[number % count][1].recv()
            except EOFError:
                raise BenchError("a process that read records was killed; give the command again") from None
            yield from results
            if error is not None:
                raise error
    finally:
        for pid, pipe in children:
            pipe.close()
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)  # nobody reads what it would still find
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _child(
    work: Callable[[Item], Result], shares: Sequence[Sequence[Item]], others: Sequence[Connection]
) -> tuple[int, Connection]:
    """Fork a process for some shares; returns its number and what it sends."""
    reading, writing = Pipe(duplex=False)
    gc.freeze()  # so that looking for garbage does not copy the memory that both share
    if (pid := os.fork()) > 0:
        gc.unfreeze()
        writing.close()
        return pid, reading
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that reads
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for pipe in (reading, *others):
            pipe.close()
        for share in shares:
            writing.send(_results(work, share))
    finally:
        os._exit(0)  # whatever happens, nothing of the other process's is done here once more


def _results(work: Callable[[Item], Result], share: Sequence[Item]) -> tuple[list[Result], Exception | None]:
    results = []
    for item in share:
        try:
            results.append(work(item))
        except Exception as error:  # for whoever asked
            return results, error
    return results, None
