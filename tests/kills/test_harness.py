"""What the kill test compares by: it can see what it is there for."""

import json
import os
import random
import signal
import sys

from filelock import FileLock

from .content import content, differences
from .leftovers import left_over
from .victims import ROLES, Command, processes

# starts a child of a session of its own, and outlives nobody
NURSE = (
    "import subprocess, sys; code = 'import time; print(1, flush=True); time.sleep(60)'\n"
    "subprocess.run([sys.executable, '-c', code], start_new_session=True)"
)


def write(home, weights=b"weights", **result):
    (home / "cut-1").mkdir(parents=True)
    (home / "cut-1" / "epoch-000001.safetensors").write_bytes(weights)
    (home / "cut-1" / "result.json").write_text(json.dumps({"steps": 4, "time": 1.0} | result))
    (home / "cut-1" / "log.txt").write_text(str(home))


def test_clocks_are_left_out_and_all_else_is_compared(tmp_path):
    write(tmp_path / "a")
    write(tmp_path / "b", time=2.0, seal="of that time")
    write(tmp_path / "c", b"weightz", steps=5)
    (tmp_path / "c" / "cut-1" / "error.json").write_text("{}")
    (tmp_path / "c" / "cut-1" / "log.txt").unlink()
    whole = content(tmp_path / "a")
    assert differences(whole, content(tmp_path / "b")) == []
    found = differences(whole, content(tmp_path / "c"))
    assert [line.partition(":")[0] for line in found] == [
        f"cut-1/{name}" for name in ("epoch-000001.safetensors", "error.json", "log.txt", "result.json")
    ]
    assert found[-1] == "cut-1/result.json: steps: 5 instead of 4"


def test_what_is_left_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr("kills.leftovers.GRACE_SECONDS", 0.0)
    home, temporary, cache = (tmp_path / name for name in ("home", "tmp", "cache"))
    for folder in (home, temporary, cache):
        folder.mkdir()
    assert left_over(home, temporary, cache, [], set()) == []
    (home / ".a.json.1.tmp").touch()
    (cache / ".b.json.1.tmp").touch()
    (home / ".server-5000.json").touch()
    (temporary / "pymp-a").mkdir()
    (temporary / "torchinductor").mkdir()
    with FileLock(home / ".lock"):
        found = left_over(home, temporary, cache, [], {"torchinductor"})
    assert set(found) == {
        "unfinished home/.a.json.1.tmp",
        "unfinished cache/.b.json.1.tmp",
        "unfinished home/.server-5000.json",
        "held home/.lock",
        "temporary pymp-a",
    }


def test_every_process_of_a_command_is_found_and_killed(tmp_path):
    command = Command([sys.executable, "-c", NURSE], dict(os.environ), tmp_path, mark := str(tmp_path))
    while "1" not in command.text():
        assert command.wait(0.05) is None
    assert len(processes(mark, command.process.pid)) == 2
    seed = next(seed for seed in range(100) if random.Random(seed).sample(ROLES, len(ROLES))[0] == "parent")
    role, killed = command.kill(random.Random(seed))
    assert (role, [one.pid for one in killed]) == ("parent", [command.process.pid])
    assert command.wait(10) == -signal.SIGKILL
    (orphan,) = processes(mark)
    assert orphan.role == "child"
    os.kill(orphan.pid, signal.SIGKILL)
    assert command.kill(random.Random(0)) == ("", [])
