"""What a killed process leaves is found; what a living one writes is left alone."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.base import leftovers
from bench.base.home import Home
from bench.base.leftovers import ELSEWHERE_SECONDS, remove_leftovers, temporary_of
from bench.base.processes import process_start


@pytest.fixture(scope="module")
def dead():
    """The number of a process that lives no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_next_command_removes_what_a_killed_one_left(tmp_path, dead):
    code = (
        "import os, signal, sys; from pathlib import Path; from bench.base.storage import write_atomically\n"
        "def die(path):\n    path.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_atomically(Path(sys.argv[1]) / 'cut-1' / 'scores' / 'a.json', die)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
    scores = tmp_path / "cut-1" / "scores"
    (tmp_path / f".writable.{dead}").touch()
    (scores / f".an\nold.one.{dead}.tmp").touch()
    (scores / f".folder.{dead}.tmp").mkdir()
    (scores / f".folder.{dead}.tmp" / "a").touch()
    assert len(list(scores.iterdir())) == 3
    Home.open(tmp_path, tmp_path)
    assert list(scores.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["cut-1"]


def test_files_of_the_living_and_of_others_stay(tmp_path, dead):
    for name in (
        temporary_of(tmp_path / "a").name,
        f".b.{os.getpid()}.tmp",
        f"c.{dead}.tmp",
        ".d.tmp",
        f".e.{dead}@elsewhere.tmp",
    ):
        (tmp_path / name).touch()
    assert remove_leftovers(tmp_path) == []
    old = tmp_path / f".e.{dead}@elsewhere.tmp"
    os.utime(old, (time.time() - 2 * ELSEWHERE_SECONDS,) * 2)
    assert remove_leftovers(tmp_path) == [old]


def test_links_are_not_followed(tmp_path, dead):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / f".a.{dead}.tmp").touch()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "link").symlink_to(tmp_path / "elsewhere")
    assert remove_leftovers(tmp_path / "home") == []


def test_a_mistyped_home_makes_nothing(tmp_path):
    from bench.base.errors import UsageError

    with pytest.raises(UsageError, match=r"--home .*rnus: no such folder"):
        Home.existing(tmp_path / "rnus", Path("datasets"))
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_outlived_its_killed_owner_is_ended_by_the_next_command(tmp_path):
    """As `ui` starts it: the guard and whoever started it are killed, so that nobody is left to end the server."""
    record = tmp_path / ".server-5000.json"
    server = [sys.executable, "-c", "import time; time.sleep(600)", "mlflow"]
    guard = subprocess.Popen(
        [sys.executable, "-m", "bench.tracking.guard", str(record), *server],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not record.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    leader = json.loads(record.read_text())["leader"]
    assert remove_leftovers(tmp_path) == []  # its owner lives
    assert process_start(leader)
    guard.kill()
    guard.communicate()
    assert process_start(leader), "the server went with its guard, so this tests nothing"
    Home.open(tmp_path, tmp_path)
    assert not process_start(leader)
    assert not record.exists()


@pytest.mark.parametrize("leader", [True, 0, -1, 1.5, "12", None, 10**400, float("inf")])
def test_a_record_of_a_server_that_is_none_ends_nothing(tmp_path, monkeypatch, dead, leader):
    ended = []
    monkeypatch.setattr(leftovers, "end_group", ended.append)
    content = {"host": leftovers._HOST, "owner": dead, "owner_start": "1", "leader": leader}
    (tmp_path / ".server-1.json").write_text(json.dumps(content))
    remove_leftovers(tmp_path)
    assert ended == []
    (tmp_path / ".server-1.json").unlink(missing_ok=True)
    os.mkfifo(tmp_path / ".server-1.json")  # not waited for
    remove_leftovers(tmp_path)
