"""What must not be there once a command has ended well: processes, unfinished files, locks that are held."""

from __future__ import annotations

from pathlib import Path

from bench.base.processes import has_members, is_locked

from .victims import wait_for_end

GRACE_SECONDS = 30.0  # the processes of a killed command save their state, or show it, and then end


def left_over(home: Path, temporary: Path, user_cache: Path, marks: list[str], usual: set[str]) -> list[str]:
    """A line for each thing that is left.

    Args:
        home: the results root.
        temporary: where the operating system's users keep temporary files (TMPDIR).
        user_cache: where contrastbench keeps what it remembers for the user.
        marks: of the commands.
        usual: names in `temporary` that an undisturbed command leaves, too.
    """
    lines = [f"process {one.pid}: {one.words}" for mark in marks for one in wait_for_end(mark, GRACE_SECONDS)]
    for folder in (home, user_cache):
        for path in folder.rglob(".*"):
            if path.name.endswith(".tmp") or path.name.startswith((".writable.", ".server-")):
                lines.append(f"unfinished {path.relative_to(folder.parent)}")
            if path.name.endswith(".lock") and is_locked(path):
                lines.append(f"held {path.relative_to(folder.parent)}")
            if path.name.endswith(".commands") and has_members(path):
                lines.append(f"held {path.relative_to(folder.parent)}")
    return lines + [f"temporary {path.name}" for path in temporary.iterdir() if path.name not in usual]
