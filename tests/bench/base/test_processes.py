import os
import subprocess
import sys

from filelock import FileLock

from bench.base.processes import has_members, is_locked, join_group, process_start


def test_a_process_is_told_by_its_start_and_a_dead_one_has_none():
    assert process_start(os.getpid()) == process_start(os.getpid()) != ""
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    assert process_start(process.pid) == ""


def test_a_lock_is_seen_also_where_nothing_can_be_written(tmp_path):
    path = tmp_path / ".lock"
    assert not is_locked(path)
    with FileLock(path):
        assert is_locked(path)
    path.touch()
    path.chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        assert not is_locked(path)
    finally:
        tmp_path.chmod(0o755)


def test_looking_only_opens_for_reading(tmp_path, monkeypatch):
    """Root may write anywhere; a read-only disk is told by how the file is opened."""
    path = tmp_path / ".lock"
    path.touch()
    flags, really = [], os.open

    def opened(name, how):
        flags.append(how)
        return really(name, how)

    monkeypatch.setattr("bench.base.processes.os.open", opened)
    assert not is_locked(path)
    assert flags == [os.O_RDONLY]


def test_a_group_has_members_until_the_last_has_left(tmp_path):
    path = tmp_path / ".commands"
    assert not has_members(path)
    one, two = join_group(path), join_group(path)
    os.close(one)
    assert has_members(path)
    os.close(two)
    assert not has_members(path)
