"""Project again and again; also the process that does so beside a command that trains.

`python -m bench.tracking.follow HOME DATASETS URI` projects every few seconds until its standard input ends, once more
then, and exits; if nobody said FAREWELL there, only when no run is under way. It prints what people should read.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from bench.base.errors import BenchError
from bench.base.home import Home
from bench.tracking.projector import Projector, Report
from bench.tracking.store import TrackingDown, shown

INTERVAL = 5.0  # seconds between passes
SHARE = 0.2  # of one core's time that passes may take, about
RETRY = 30.0  # seconds until an address that did not answer is asked again
ORPHAN_SECONDS = 120.0  # how long runs may take to stop after their command died
READY = "ready"  # the line that says that the database exists
FAREWELL = "done"  # the last line from a parent that ends normally


def follow(projector: Projector, stop: threading.Event, say: Callable[[str], None]) -> None:
    """Project until asked to stop, and once more then; an address that is down is said once and asked again.

    Args:
        projector: what to project where.
        stop: set from outside.
        say: given each line for people, and READY after the first pass.

    Raises:
        BenchError: the address cannot be used at all.
    """
    is_down, is_ready = False, False
    reported: set[str] = set()
    while True:
        is_last = stop.is_set()
        took, pause = 0.0, INTERVAL
        if is_last or not is_ready or not projector.is_done_by_another(3 * INTERVAL):
            started = time.monotonic()
            try:
                report = projector.project()
            except TrackingDown as error:
                if not is_down:
                    say(down_line(projector, error))
                is_down, pause = True, RETRY
            else:
                if is_down:
                    say(f"MLflow at {shown(projector.uri)} answers again")
                is_down = False
                if not is_ready:
                    say(READY)
                is_ready = True
                for problem in report.problems:
                    if problem not in reported:
                        reported.add(problem)
                        say(f"MLflow: {problem}")
            took = time.monotonic() - started
        if is_last:
            return
        stop.wait(max(pause, took / SHARE))


def sync(home: Home, uri: str, go_on: bool, as_json: bool) -> bool:
    """The `sync` verb: project once, or until Ctrl-C.

    Args:
        home: the results root.
        uri: MLflow's address.
        go_on: until Ctrl-C.
        as_json: print data instead of text.

    Returns:
        Whether a run could not be shown.

    Raises:
        BenchError: MLflow does not answer, or the address cannot be used at all.
    """
    projector = Projector(home, uri)
    if go_on:
        print(f"showing {home.root} in MLflow at {shown(uri)} until Ctrl-C", flush=True)
        with suppress(KeyboardInterrupt):
            follow(projector, threading.Event(), lambda line: None if line == READY else print(line, flush=True))
        return False
    try:
        report = projector.project()
    except TrackingDown as error:
        raise BenchError(
            f"MLflow at {shown(uri)} does not answer ({error}); nothing is lost: run the same command again when it does"
        ) from error
    for problem in report.problems:
        print(f"warning: {problem}", file=sys.stderr)
    print(json.dumps(asdict(report), indent=1) if as_json else report_line(projector, report))
    return bool(report.problems)


def down_line(projector: Projector, error: TrackingDown) -> str:
    """What a person should know when MLflow does not answer."""
    option = "" if projector.uri.startswith("sqlite") else f" --tracking-uri {shown(projector.uri)}"
    return (
        f"warning: MLflow at {shown(projector.uri)} does not answer ({error}); nothing is lost: the runs go on, and "
        f"`contrastbench sync --home {projector.home.root}{option}` shows there what is missing"
    )


def report_line(projector: Projector, report: Report) -> str:
    """What one pass did, for people."""
    news = f"{report.written} brought up to date, {report.points} values written" if report.written else "nothing new"
    return f"{report.runs} runs in MLflow at {shown(projector.uri)}: {news}"


def see_out(projector: Projector, say: Callable[[str], None]) -> None:
    """Project until no run is under way any more: their command died, and they are saving their state."""
    deadline = time.monotonic() + ORPHAN_SECONDS
    while time.monotonic() < deadline:
        try:
            if not projector.project().running:
                return
        except TrackingDown as error:
            say(down_line(projector, error))
            return
        time.sleep(INTERVAL)


def main(arguments: list[str]) -> int:
    """Follow until standard input ends: with FAREWELL if the parent closed it, without if the parent died."""
    root, datasets, uri = arguments
    os.nice(19)  # what trains goes first
    stop, received = threading.Event(), []

    def wait_for_end() -> None:
        received.append(sys.stdin.read())
        stop.set()

    def say(line: str) -> None:
        with suppress(BrokenPipeError):  # a parent that died reads nothing
            print(line, flush=True)

    threading.Thread(target=wait_for_end, daemon=True).start()
    projector = Projector(Home(Path(root), Path(datasets)), uri)
    try:
        follow(projector, stop, say)
        if received[0].strip() != FAREWELL:
            see_out(projector, say)
    except BenchError as error:
        say(f"warning: MLflow: {error}")
        return error.exit_status
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
