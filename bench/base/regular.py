"""Opening what strangers may have made: regular files only, never waited for, and no more of them than fits."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

NO_FILE = "is no regular file"
TOO_LARGE = "is too large"
_MORE = 1 << 20  # bytes that are read at once of what grew meanwhile


class NotRegular(OSError):
    """A folder, a pipe, a socket or a device."""


def open_regular(path: Path) -> BufferedReader:
    """Open a file for reading; a pipe is not waited for, a device is not read.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    return os.fdopen(_opened(path)[0], "rb")


def read_regular(path: Path | str, most: int) -> bytes:
    """The content of a regular file.

    Args:
        path: the file.
        most: bytes.

    Raises:
        OSError: it cannot be read, is no regular file, or is larger.
    """
    handle, size = _opened(path)
    try:
        if size > most:  # a sparse file of any size costs its maker nothing
            raise OSError(errno.EFBIG, f"{TOO_LARGE}: more than {most >> 20} MiB", str(path))
        # room for what is there, not for `most`, which takes longer to find than a record to read
        content = os.read(handle, size + 1)
        while len(content) <= most and len(content) != size and (more := os.read(handle, _MORE)):
            content += more
    finally:
        os.close(handle)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"{TOO_LARGE}: more than {most >> 20} MiB", str(path))
    return content


def _opened(path: Path | str) -> tuple[int, int]:
    """A regular file, open for reading, and its size."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise NotRegular(errno.EINVAL, NO_FILE, str(path))
    return handle, status.st_size


def is_regular(path: Path) -> bool:
    """Whether a regular file, or a link to one, is there; a name that no file can have names none."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def resolved(text: str | Path) -> Path:
    """A path as people and records write it: absolute, links followed, `~` filled in; as it is where that cannot be done."""
    try:
        return Path(text).expanduser().resolve()
    except (OSError, RuntimeError, ValueError):  # no such user, links in a circle, a name too long
        return Path(text).absolute()
