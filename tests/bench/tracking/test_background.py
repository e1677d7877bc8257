"""One process per home, whichever command started it; it is replaced when it dies, and what is not shown is said."""

import os
import signal
import sys
import time

import pytest

import bench.tracking.background as module
from bench.tracking.address import tracking_uri
from bench.tracking.background import Background
from bench.tracking.last_pass import LastPass, ask, read_last_pass

# stands for `python -m bench.tracking.follow`: the same lock and answers, without mlflow
FOLLOWER = """
import os, sys, threading, time
from pathlib import Path
from filelock import FileLock, Timeout
from bench.base.home import Home
from bench.tracking.address import mark_path
from bench.tracking.follow import OTHER
from bench.tracking.last_pass import LastPass, asked
home, uri = Home(Path(sys.argv[2]), Path(sys.argv[3])), sys.argv[4]
stop = threading.Event()
try:
    lock = FileLock(mark_path(home, uri, 'follower.lock'))
    lock.acquire(0.2, poll_interval=0.02)
except Timeout:
    raise SystemExit(OTHER)
(home.root / f'started-{os.getpid()}').touch()
if sys.argv[1] == 'dies':
    os.kill(os.getpid(), 9)
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
writer = f'here {os.getpid()} 1'
if sys.argv[1] == 'refuses':
    LastPass(writer=writer, answers=asked(home, uri), failure='it is damaged', is_permanent=True).write(home, uri)
    raise SystemExit(1)
problems = ('cut-1: broken',) if sys.argv[1] == 'cannot' else ()
print('ready', flush=True)
while True:
    is_last = stop.is_set()
    LastPass(writer=writer, answers=asked(home, uri), ledger='x', problems=problems).write(home, uri)
    if is_last:
        break
    stop.wait(0.05)
"""


@pytest.fixture
def start(toys, monkeypatch):
    """Makes a Background whose process behaves in some way."""
    monkeypatch.setattr(module, "WATCH_SECONDS", 0.05)
    said = []

    def make(how="works", **options):
        monkeypatch.setattr(module, "FOLLOWER", (sys.executable, "-c", FOLLOWER, how))
        made = Background(toys.home, tracking_uri(toys.home, None), said.append, **options)
        made.lines = said
        return made

    return make


def started(home):
    return [int(path.name.partition("-")[2]) for path in home.root.glob("started-*")]


def wait_until(condition):
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_two_commands_share_one_process_and_both_are_answered(start, toys):
    with start() as one:
        wait_until(one.is_ready)
        with start() as two:
            wait_until(two.is_ready)
            time.sleep(0.3)
            assert two.process is None
        assert two.missing == ""
        assert started(toys.home) == [one.process.pid]
    assert one.missing == ""


def test_when_the_other_command_ends_first_ours_takes_over(start, toys):
    one, two = start(), start()
    one.__enter__()
    wait_until(one.is_ready)
    with two:
        one.__exit__(None, None, None)
        wait_until(lambda: two.process is not None and two.is_ready())
    assert one.missing == two.missing == ""
    assert len(started(toys.home)) == 2


def test_a_killed_process_is_replaced(start, toys):
    with start() as one:
        wait_until(one.is_ready)
        os.kill(one.process.pid, signal.SIGKILL)
        wait_until(lambda: len(started(toys.home)) == 2)
    assert one.missing == ""


def test_one_that_always_dies_is_given_up_and_said(start, toys):
    with start("dies") as one:
        wait_until(lambda: one.failure)
    assert len(started(toys.home)) == module.STARTS
    assert "does not show all of it: the process that shows runs died 3 times" in one.missing
    assert f"contrastbench sync --home {toys.home.root}" in one.missing


def test_what_cannot_be_mended_is_not_tried_again(start, toys):
    with start("refuses") as one:
        wait_until(lambda: one.failure)
    assert len(started(toys.home)) == 1
    assert "does not show all of it: it is damaged; nothing is lost" in one.missing


def test_only_problems_of_our_own_runs_are_ours(start, toys):
    for key in ("cut-1", "cut-2"):
        toys.home.run(key).path.mkdir()
        toys.home.run(key).spec.write_text("{}")
    with start("cannot", keys=["cut-2"]) as other:
        wait_until(other.is_ready)
    assert other.missing == ""
    with start("cannot", keys=["cut-1"]) as own:
        wait_until(own.is_ready)
    assert "cut-1: broken" in own.missing


def test_a_damaged_database_is_told_at_once_and_nothing_is_started(start, toys):
    toys.home.mlflow_database.write_bytes(bytes(range(1, 256)) * 20)
    with start() as one:
        assert one.failure
    assert started(toys.home) == []
    assert one.lines[0].startswith(f"warning: MLflow: {toys.home.mlflow_database}: is damaged or no database")
    assert "remove it and run `contrastbench sync`" in one.missing


def test_with_nothing_to_do_only_what_is_missing_is_shown(start, toys, monkeypatch):
    with start(follows=False) as first:
        assert first.process is None
    assert len(started(toys.home)) == 1
    monkeypatch.setattr(LastPass, "is_current", lambda *_: True)
    with start(follows=False):
        pass
    assert len(started(toys.home)) == 1
    assert first.missing == ""


def test_a_request_is_answered_by_a_pass_that_began_after_it(toys):
    uri = tracking_uri(toys.home, None)
    assert read_last_pass(toys.home, uri) is None
    assert [ask(toys.home, uri), ask(toys.home, uri)] == [1, 2]
