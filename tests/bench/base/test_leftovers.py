"""What a killed process leaves is found; what a living one writes is left alone."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from bench.base import leftovers
from bench.base.home import Home
from bench.base.leftovers import (
    ELSEWHERE_SECONDS,
    own_folder,
    remove_leftovers,
    remove_unfinished,
    run_names,
    scratch_folder,
    temporary_of,
)
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


def test_folders_of_runs_are_left_to_whoever_does_the_run(tmp_path, dead):
    for folder in ("run-1", "begun-2", "tables/run-1"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / f".a.{dead}.tmp").touch()
    (tmp_path / "run-1" / "spec.json").touch()
    assert run_names(tmp_path) == ["run-1"]
    assert remove_leftovers(tmp_path) == [
        tmp_path / folder / f".a.{dead}.tmp" for folder in ("begun-2", "tables/run-1")
    ]
    assert run_names(tmp_path / "none") == []


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


def test_what_was_begun_of_one_file_is_removed_alone(tmp_path, monkeypatch, dead):
    path = tmp_path / "report [1].html"
    mine = temporary_of(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: dead)
        begun, other = temporary_of(path), temporary_of(tmp_path / "report 1.html")
    for file in (mine, begun, other):
        file.touch()
    remove_unfinished(path)
    assert sorted(tmp_path.iterdir()) == sorted([mine, other])
    remove_unfinished(tmp_path / "no folder" / "a")


def test_a_scratch_folder_of_a_killed_process_goes(tmp_path, monkeypatch, dead):
    with scratch_folder(tmp_path / "a.db") as folder:
        (folder / "a.db").touch()
        assert remove_leftovers(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: dead)
        temporary_of(tmp_path / "a.db").mkdir()
    assert len(remove_leftovers(tmp_path)) == 1


@pytest.fixture
def short_path():
    """A folder whose path leaves room for a socket's."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def test_folders_among_the_temporary_files_of_killed_processes_go(short_path, monkeypatch, dead):
    monkeypatch.setattr(tempfile, "tempdir", str(short_path))
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: dead)
        left = own_folder()
    (left / "pymp-a").mkdir()
    (short_path / "pymp-of-another-program").mkdir()
    mine = own_folder()
    assert sorted(short_path.iterdir()) == sorted([mine, short_path / "pymp-of-another-program"])
    assert mine.stat().st_mode & 0o777 == 0o700
    assert own_folder() is None


def test_where_a_socket_would_be_too_deep_no_folder_is_made(short_path, monkeypatch):
    deep = short_path / ("d" * 50)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    assert own_folder() is None
    assert list(deep.iterdir()) == []


def test_a_server_that_outlived_its_killed_owner_is_ended_by_the_next_command(tmp_path):
    """As `ui` starts it: the guard and whoever started it are killed, so that nobody is left to end the server."""
    record = tmp_path / ".server-5000.json"
    server = [sys.executable, "-c", "import time; time.sleep(600)", "mlflow"]
    guard = subprocess.Popen(
        [sys.executable, "-m", "bench.tracking.guard", str(record), *server],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
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
