"""Which processes live: told by number and start, since numbers are given again; and whether one holds a lock file."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path


def process_start(pid: int) -> str:
    """When a process started, in the system's own words; empty if there is no such process, or only its remains."""
    if not Path("/proc/self/stat").exists():
        command = ["ps", "-o", "lstart=", "-p", str(pid)]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    try:
        # the second field is the program's name in brackets, which may hold anything; the 22nd is the start
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    state, *fields = text.rpartition(")")[2].split()
    return "" if state in ("Z", "X") else fields[18]


def join_group(path: Path) -> int:
    """Count among those who share a lock file for as long as the returned handle is open, or this process lives."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(handle, fcntl.LOCK_SH)
    return handle


def has_members(path: Path) -> bool:
    """Whether a living process counts among those who share a lock file."""
    return _is_refused(path, os.O_RDWR, fcntl.LOCK_EX, unopened=False)


def is_locked(path: Path) -> bool:
    """Whether a living process holds a lock file; a file on a read-only disk tells it too.

    The lock is only shared for the instant of looking, so that several who look do not see each other.
    """
    return _is_refused(path, os.O_RDONLY, fcntl.LOCK_SH, unopened=True)


def _is_refused(path: Path, mode: int, lock: int, unopened: bool) -> bool:
    """Whether a lock cannot be had just now; `unopened` is the answer where the file exists and cannot be opened."""
    try:
        handle = os.open(path, mode)
    except FileNotFoundError:
        return False
    except OSError:
        return unopened
    try:
        fcntl.flock(handle, lock | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False
