"""Work on many things, shared by processes: in order, with its errors, and with nobody left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.base.errors import BenchError
from bench.base.many import SHARE, mapped


def test_results_come_in_order_whoever_found_them():
    items = list(range(5 * SHARE + 3))
    found = list(mapped(lambda item: (item * item, os.getpid()), items, processes=3))
    assert [square for square, _ in found] == [item * item for item in items]
    assert len({pid for _, pid in found}) == 3
    assert os.getpid() not in {pid for _, pid in found}


def test_little_is_done_here():
    assert list(mapped(lambda _: os.getpid(), range(10))) == [os.getpid()] * 10
    assert list(mapped(str, [])) == []


def test_an_error_is_raised_after_the_results_before_it_and_no_process_stays():
    def work(item: int) -> int:
        if item == 7:
            raise BenchError("item 7: is damaged; mend it")
        return item

    results = mapped(work, range(3 * SHARE), processes=2)
    assert [next(results) for _ in range(7)] == list(range(7))
    with pytest.raises(BenchError, match="item 7: is damaged"):
        next(results)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_killed_process_is_said():
    def work(item: int) -> int:
        if item == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    with pytest.raises(BenchError, match="was killed; give the command again"):
        list(mapped(work, range(3 * SHARE), processes=2))


def test_who_stops_reading_leaves_no_process():
    results = mapped(lambda item: item, range(100 * SHARE), processes=2)
    assert next(results) == 0
    results.close()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_processes_end_with_the_one_that_asked(tmp_path: Path):
    script = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from bench.base.many import mapped\n"
        "def work(item):\n"
        "    Path(sys.argv[1], str(os.getpid())).touch()\n"
        "    time.sleep(0.001)\n"
        "for _ in mapped(work, range(100000), processes=2): pass\n"
    )
    asking = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)])
    deadline = time.monotonic() + 30
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    asking.send_signal(signal.SIGKILL)
    asking.wait()
    pids = [int(path.name) for path in tmp_path.iterdir()]
    assert len(pids) == 2
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
