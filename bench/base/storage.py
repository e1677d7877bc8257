"""Writing files so that a kill, a full disk or a second process never leaves half of one behind."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.base.errors import BenchError
from bench.base.indented import indented
from bench.base.leftovers import temporary_of
from bench.base.regular import read_regular

MAX_NOTE = 16 << 20  # bytes of a JSON file


@contextmanager
def explained(path: Path, option: str = "--home") -> Iterator[None]:
    """Turn the operating system's refusal to write `path`, below the folder of `option`, into one line."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            way_out = "the disk is full; free some space and run the same command again, nothing finished is lost"
        elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            way_out = f"it is not writable; choose another place with {option} DIR"
        else:
            way_out = f"{error.strerror}; run the same command again once that is mended"
        raise BenchError(f"{path}: cannot be written: {way_out}") from error


def write_atomically(path: Path, write: Callable[[Path], object], option: str = "--home") -> None:
    """Call `write` on a temporary neighbour of `path`, flush it to disk and rename it into place.

    Raises:
        BenchError: if the place cannot be written; an existing file at `path` is untouched then.
    """
    temporary = temporary_of(path)
    with explained(path, option):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(temporary)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_text(path: Path, text: str, option: str = "--home") -> None:
    """Write a text file atomically, as UTF-8; what is no text in it, such as a byte of a file's name, is escaped."""
    write_atomically(
        path, lambda temporary: temporary.write_text(text, encoding="utf-8", errors="backslashreplace"), option
    )


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file atomically."""
    write_text(path, indented(value) + "\n")


def read_json(path: Path) -> Any | None:
    """Read a JSON file; None if it is missing or damaged (its writer will make it anew)."""
    try:
        return json.loads(read_regular(path, MAX_NOTE).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def read_object(path: Path) -> dict[str, Any] | None:
    """Read a JSON file that holds an object; None if it is missing, damaged or holds anything else."""
    content = read_json(path)
    return content if isinstance(content, dict) else None
