"""What killed processes left in a results root, found and removed by the next command that writes there."""

from __future__ import annotations

import os
import re
import shutil
import socket
import time
from contextlib import suppress
from pathlib import Path

from bench.base.processes import process_start

ELSEWHERE_SECONDS = 86400.0  # an unfinished file of another machine's process is left alone for a day
_HOST = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:32]
# `.NAME.PID@HOST.tmp`; earlier versions did not write the host
_TEMPORARY = re.compile(r"\..*\.(?P<pid>\d+)(?:@(?P<host>[A-Za-z0-9-]+))?\.tmp", re.DOTALL)
_PROBE = re.compile(r"\.writable\.(?P<pid>\d+)")


def temporary_of(path: Path) -> Path:
    """The neighbour of `path` into which this process writes it, before it is renamed into place."""
    return path.with_name(f".{path.name}.{os.getpid()}@{_HOST}.tmp")


def remove_leftovers(root: Path) -> list[Path]:
    """Remove temporary files and folders of processes that live no more.

    Args:
        root: a results root; links in it are not followed.

    Returns:
        What was removed. What cannot be removed is left.
    """
    removed = []
    for folder, folders, files in os.walk(root):
        for name in [*files, *folders]:
            path = Path(folder, name)
            if name.startswith(".") and _is_left_over(path):
                with suppress(OSError):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
                    removed.append(path)
        folders[:] = [name for name in folders if not _TEMPORARY.fullmatch(name)]
    return removed


def _is_left_over(path: Path) -> bool:
    match = _TEMPORARY.fullmatch(path.name) or _PROBE.fullmatch(path.name)
    if match is None:
        return False
    if (match.groupdict().get("host") or _HOST) == _HOST:
        return not process_start(int(match["pid"]))
    try:
        return time.time() - path.stat().st_mtime > ELSEWHERE_SECONDS
    except OSError:
        return False
