"""Which files may run: those that whoever typed the command, or wrote the script, named. A record's word is not enough.

The names go to child processes by the environment: a command's runs may run what the command was given, and no more.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path

from bench.base.errors import UsageError
from bench.base.regular import resolved

VARIABLE = "CONTRASTBENCH_NAMED_FILES"


def is_file_reference(reference: str) -> bool:
    """Whether a plugin is given as `FILE.py:Class`."""
    return reference.rpartition(":")[0].endswith(".py") and "\0" not in reference


def name_file(reference: str) -> None:
    """Let a user's file run in this process and in its children.

    Args:
        reference: `FILE.py:Class`, as a person wrote it; anything else names no file, and changes nothing.
    """
    if is_file_reference(reference):
        path = str(resolved(reference.rpartition(":")[0]))
        os.environ[VARIABLE] = "\n".join(dict.fromkeys([*named_files(), path]))


def named_files() -> list[str]:
    """The files that were named, as absolute paths."""
    return [path for path in os.environ.get(VARIABLE, "").split("\n") if path]


def is_named(path: Path) -> bool:
    """Whether a file was named."""
    return str(resolved(path)) in named_files()


class NotNamed(UsageError):
    """A user's file that only a record names."""

    def __init__(self, kind: str, reference: str) -> None:
        super().__init__(
            f"{kind} {shown_reference(reference)}: is a file that a record names and this command line does not, so it is "
            f"not run; if you trust it: --{kind} FILE.py:{shown_reference(reference.rpartition(':')[2])}"
        )


def require_named(kind: str, reference: str) -> None:
    """Refuse a user's file that only a record names.

    Raises:
        NotNamed: naming the option that names it.
    """
    if is_file_reference(reference) and not is_named(Path(reference.rpartition(":")[0])):
        raise NotNamed(kind, reference)


@cache
def say_left_out(kind: str, reference: str, what: str) -> None:
    """Say once, on standard error, which plugin of a record is not loaded.

    Args:
        kind: `metric`, `method`, ...
        reference: as the record names it.
        what: what is missing because of it.
    """
    why = "is a file that this command line does not name" if is_file_reference(reference) else "is not installed here"
    print(f"note: {kind} {shown_reference(reference)} {why}: it is not loaded, and {what}", file=sys.stderr)


def shown_reference(reference: str) -> str:
    """A reference of a stranger's in one line."""
    text = "".join(sign if sign.isprintable() else "?" for sign in reference)
    return text if len(text) <= 120 else f"{text[:50]}...{text[-50:]}"
