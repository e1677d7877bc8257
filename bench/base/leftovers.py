"""What killed processes left in a results root, found and removed by the next command that writes there."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.base.processes import process_start
from bench.base.regular import read_regular

SERVERS = ".server-*.json"  # records of servers
SERVER_WORD = b"mlflow"  # in the command line of every server that is started here
MAX_RECORD = 1 << 16  # bytes
STOP_SECONDS = 10.0
SOCKET_PATH = 103  # bytes, on the system that allows the fewest
ELSEWHERE_SECONDS = 86400.0  # an unfinished file of another machine's process is left alone for a day
SPEC = "spec.json"  # what makes a folder one of a run
_HOST = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:32]
# `.NAME.PID@HOST.tmp`; earlier versions did not write the host
_TEMPORARY = re.compile(r"\..*\.(?P<pid>\d+)(?:@(?P<host>[A-Za-z0-9-]+))?\.tmp", re.DOTALL)
_PROBE = re.compile(r"\.writable\.(?P<pid>\d+)")


def temporary_of(path: Path) -> Path:
    """The neighbour of `path` into which this process writes it, before it is renamed into place."""
    return path.with_name(f".{path.name}.{os.getpid()}@{_HOST}.tmp")


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """A folder beside `path` for as long as the block runs; the next command removes it if this process is killed."""
    folder = temporary_of(path)
    folder.mkdir(exist_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_unfinished(path: Path) -> None:
    """Remove what killed processes began of one file, for places that no command looks through."""
    for begun in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        if is_left_over(begun):
            with suppress(OSError):
                begun.unlink()


def own_folder() -> Path | None:
    """Make this process's folder among the machine's temporary files, without those of processes that live no more.

    Its name is short, since sockets' paths are, and says which machine or container it is of.

    Returns:
        The folder, empty; None where it exists already, cannot be made, or would be too deep for a socket.
    """
    place, name = Path(tempfile.gettempdir()), f".cb-{hashlib.sha256(_HOST.encode()).hexdigest()[:4]}"
    for path in place.glob(f"{name}.*.tmp"):
        if is_left_over(path):
            shutil.rmtree(path, ignore_errors=True)
    folder = place / f"{name}.{os.getpid()}.tmp"
    if len(os.fsencode(folder)) > SOCKET_PATH - len("/pymp-12345678/listener-12345678"):
        return None
    try:
        folder.mkdir(mode=0o700)
    except OSError:
        return None
    return folder


def run_names(root: Path) -> list[str]:
    """The names of the run folders of a results root, sorted; none if it is not there."""
    top = os.fspath(root)
    return sorted(name for name in names_in(root) if os.access(f"{top}/{name}/{SPEC}", os.F_OK))


def names_in(folder: Path) -> list[str]:
    """The names of what is in a folder, in no order; none if it is not there or cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]
    except OSError:
        return []


def remove_leftovers(root: Path) -> list[Path]:
    """Remove temporary files and folders of processes that live no more, and end servers that outlived theirs.

    Folders of runs are left out: whoever does a run, or finds it finished, looks through its folder, and a home may have
    a hundred thousand of them.

    Args:
        root: a results root; links in it are not followed.

    Returns:
        What was removed. What cannot be removed is left.
    """
    removed = [path for path in sorted(root.glob(SERVERS)) if _end_left_server(path)]
    top, runs = os.fspath(root), set(run_names(root))
    for folder, folders, files in os.walk(top):
        for name in [*files, *folders]:
            path = Path(folder, name)
            if name.startswith(".") and is_left_over(path):
                with suppress(OSError):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
                    removed.append(path)
        folders[:] = [
            name for name in folders if not _TEMPORARY.fullmatch(name) and not (folder == top and name in runs)
        ]
    return removed


def server_record(owner: int, leader: int) -> dict[str, Any]:
    """What is kept of a server that a process started.

    Args:
        owner: that process.
        leader: the first process of the server's own group.
    """
    return {"host": _HOST, "owner": owner, "owner_start": process_start(owner), "leader": leader}


def _end_left_server(record: Path) -> bool:
    """End a server whose owner was killed; whether that was so."""
    try:
        content = json.loads(read_regular(record, MAX_RECORD).decode("utf-8"))
        host, owner, start, leader = (content[name] for name in ("host", "owner", "owner_start", "leader"))
        if host != _HOST or process_start(_number(owner)) == start:
            return False
        end_group(_number(leader))
    except (OSError, ValueError, LookupError, TypeError, RecursionError):  # damaged: nobody knows what it was about
        pass
    with suppress(OSError):
        record.unlink()
    return True


def _number(value: object) -> int:
    if type(value) is not int or not 0 < value < 1 << 31:
        raise ValueError(f"{value!r} is no number of a process")
    return value


def end_group(leader: int, reap: Callable[[], object] = lambda: None) -> None:
    """End a server's process group, gently at first.

    Args:
        leader: its first process, after which it is named; it need not live any more.
        reap: takes note of the leader's end, where it is a child of this process.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + STOP_SECONDS
        if members := _members(leader):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(leader, number)
        while members and time.monotonic() < deadline:
            time.sleep(0.1)
            reap()
            members = _members(leader)


def _members(leader: int) -> list[int]:
    """The processes of a server's group; none if its number has been given to something else since."""
    if not Path("/proc/self/stat").exists():
        return [leader] if process_start(leader) else []
    processes, names = [], []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, IndexError):
            state, _, group, *_ = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if int(group) == leader and state not in ("Z", "X"):
                processes.append(int(stat.parent.name))
                names.append((stat.parent / "cmdline").read_bytes())
    return processes if any(SERVER_WORD in name for name in names) else []


def is_left_over(path: Path) -> bool:
    """Whether a file is an unfinished one of a process that lives no more."""
    match = _TEMPORARY.fullmatch(path.name) or _PROBE.fullmatch(path.name)
    if match is None:
        return False
    if (match.groupdict().get("host") or _HOST) == _HOST:
        return not process_start(int(match["pid"]))
    try:
        return time.time() - path.stat().st_mtime > ELSEWHERE_SECONDS
    except OSError:
        return False
