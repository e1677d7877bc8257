"""Project again and again; also the process that does so beside commands that train, one for each home and address.

`python -m bench.tracking.follow HOME DATASETS URI` projects every few seconds, and at once when a command asks for it, until
its standard input ends, once more then, and exits; if nobody said FAREWELL there, only when no run is under way. It holds a
lock meanwhile, and leaves at once where another process holds it. It prints what people should read.
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
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from bench.base.errors import BenchError
from bench.base.home import Home
from bench.base.processes import has_members
from bench.base.streams import mend_streams, one_line, printable
from bench.tracking.address import TrackingDown, check_usable, how_to_catch_up, mark_path, shown

if TYPE_CHECKING:  # what it imports takes seconds, which a process that leaves at once does not spend
    from bench.tracking.projector import Projector, Report

INTERVAL = 5.0  # seconds between passes
SHARE = 0.2  # of one core's time that passes may take, about
RETRY = 30.0  # seconds until an address that did not answer is asked again
LOOK = 0.5  # seconds between looks whether a command asks for a pass
LAST_TRIES = 3  # of the last pass, while the address does not answer
LAST_PAUSE = 2.0  # seconds between them
LOCK_SECONDS = 0.2  # somebody who only looks holds the lock for an instant
WAIT_SECONDS = 2.0  # between looks of `sync --follow` whether the other follower has ended
ORPHAN_SECONDS = 120.0  # how long runs may take to stop after their command died
READY = "ready"  # the line that says that the database exists
FAREWELL = "done"  # the last line from a parent that ends normally
OTHER = 4  # exit status: another process follows


def follow(projector: Projector, stop: threading.Event, say: Callable[[str], None]) -> None:
    """Project until asked to stop, and once more then; an address that is down is said once and asked again.

    Args:
        projector: what to project where.
        stop: set from outside.
        say: given each line for people, and READY after the first pass.

    Raises:
        BenchError: the address cannot be used at all.
    """
    is_down, is_ready, tries = False, False, 0
    reported: set[str] = set()
    while True:
        is_last = stop.is_set()
        pause, started, answered = INTERVAL, time.monotonic(), projector.requests()
        try:
            report = projector.project()
        except TrackingDown as error:
            if not is_down:
                say(down_line(projector, error))
            is_down, pause = True, RETRY
            if is_last and (tries := tries + 1) < LAST_TRIES:
                time.sleep(LAST_PAUSE)
                continue
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
                    say(f"MLflow: {one_line(problem)}")
        if is_last:
            return
        next_pass = time.monotonic() + max(pause, (time.monotonic() - started) / SHARE)
        while time.monotonic() < next_pass and not stop.wait(min(LOOK, pause)) and projector.requests() == answered:
            pass


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
    with suppress(TrackingDown):  # asked again below
        check_usable(home, uri)
    from bench.tracking.projector import Projector

    projector = Projector(home, uri)
    if not go_on and (report := projector.nothing_new()) is not None:  # MLflow itself takes seconds to import
        _say_report(projector, report, as_json)
        return False
    if go_on:
        _say(f"showing {home.root} in MLflow at {shown(uri)} until Ctrl-C")
        with suppress(KeyboardInterrupt), FileLock(mark_path(home, uri, "follower.lock"), poll_interval=WAIT_SECONDS):
            follow(projector, threading.Event(), lambda line: None if line == READY else _say(line))
        return False
    report = _project_once(projector)
    for problem in report.problems:
        print(f"warning: {one_line(problem)}", file=sys.stderr)
    _say_report(projector, report, as_json)
    return bool(report.problems)


def _say_report(projector: Projector, report: Report, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(report), indent=1))
    else:
        _say(report_line(projector, report))


def _project_once(projector: Projector) -> Report:
    tries = 0
    while True:
        try:
            return projector.project()
        except TrackingDown as error:
            if (tries := tries + 1) >= LAST_TRIES:
                raise BenchError(
                    f"MLflow at {shown(projector.uri)} does not answer ({error}; asked {tries} times); nothing is lost: run "
                    "the same command again when it does"
                ) from error
            time.sleep(LAST_PAUSE)


def _say(line: str) -> None:
    print(printable(line), flush=True)


def down_line(projector: Projector, error: TrackingDown) -> str:
    """What a person should know when MLflow does not answer."""
    return (
        f"warning: MLflow at {shown(projector.uri)} does not answer ({error}); nothing is lost: the runs go on, it is asked "
        f"again every {RETRY:.0f} s, and `{how_to_catch_up(projector.home, projector.uri)}` shows there what is missing"
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


def _serve_others(projector: Projector, say: Callable[[str], None]) -> bool:
    """Go on for as long as other commands want it, whose runs need no process of their own then; whether there were any."""
    commands = mark_path(projector.home, projector.uri, "commands")
    if not has_members(commands):
        return False
    stop = threading.Event()

    def wait_for_end() -> None:
        while has_members(commands):
            time.sleep(LOOK)
        stop.set()

    threading.Thread(target=wait_for_end, daemon=True).start()
    follow(projector, stop, say)
    return True


def main(arguments: list[str]) -> int:
    """Follow until standard input ends: with FAREWELL if the parent closed it, without if the parent died."""
    root, datasets, uri = arguments
    mend_streams("utf-8")
    os.nice(19)  # what trains goes first
    home = Home(Path(root), Path(datasets))
    try:
        with FileLock(mark_path(home, uri, "follower.lock")).acquire(LOCK_SECONDS, poll_interval=LOCK_SECONDS / 10):
            return _follow_for_parent(home, uri)
    except Timeout:
        return OTHER


def _follow_for_parent(home: Home, uri: str) -> int:
    from bench.tracking.projector import Projector

    stop, received = threading.Event(), []

    def wait_for_end() -> None:
        received.append(sys.stdin.read())
        stop.set()

    def say(line: str) -> None:
        with suppress(BrokenPipeError):  # a parent that died reads nothing
            print(line, flush=True)

    threading.Thread(target=wait_for_end, daemon=True).start()
    projector = Projector(home, uri)
    try:
        follow(projector, stop, say)
        if received[0].strip() != FAREWELL or _serve_others(projector, say):
            see_out(projector, say)
    except BenchError as error:
        say(f"warning: MLflow: {one_line(str(error))}")
        return error.exit_status
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
