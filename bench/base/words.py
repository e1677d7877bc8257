"""How times, sizes, paths and lines are written for people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.base.streams import one_line, printable

if TYPE_CHECKING:  # `list` must not import rich
    from rich.console import Console

LINE_SECONDS = 10.0  # how often a line is printed where there is no terminal


def duration(seconds: float | None) -> str:
    """Seconds as people write them: `42 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds is None:
        return "?"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size_text(size: float) -> str:
    """Bytes as people write them: `12 MB`, `4.7 GB`."""
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 1000:
            return f"{size:.3g} {unit}"
    return f"{size / 1000:.3g} TB"


def shown_path(path: Path) -> str:
    """A path as people type it: relative to the working directory if it is inside it, and on one line."""
    return one_line(typed_path(path))


def typed_path(path: Path) -> str:
    """A path relative to the working directory if it is inside it, as it is: for commands, see `shell_word`."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, FileNotFoundError):  # elsewhere; or the working directory itself is gone
        return str(path)


def say(console: Console, line: str) -> None:
    """Print a line as it is: brackets are no markup, numbers get no colour, and a long path stays whole to be copied."""
    console.print(printable(line), highlight=False, markup=False, emoji=False, soft_wrap=True)
