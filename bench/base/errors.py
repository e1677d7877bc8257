"""The errors a user can act on: one line each, naming the file, key, value or plugin at fault and the way out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from bench.base.streams import one_line

KNOWN = 30  # names that an error lists when none is near
LONGEST = 2000  # signs of an error's line
_LONGEST_NAME = 200


class BenchError(Exception):
    """Something failed for a reason that one line can explain; the command line prints it and exits with status 1.

    It is one line whatever the names and values in it hold: what others wrote is escaped where it would not be.
    """

    exit_status = 1

    def __str__(self) -> str:
        return short_line(super().__str__())


class UsageError(BenchError):
    """The command, a name or a file was used wrongly; the command line prints it and exits with status 2."""

    exit_status = 2


class NotAvailable(BenchError):
    """Data or weights that this machine lacks; the message says how to get them, and the cell shows it.

    Where it ends a command nothing was possible, which is status 3.
    """

    exit_status = 3


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """Build the error for a name that does not exist, with the nearest names that do.

    Args:
        kind: what was looked up, in the user's words ("method", "protocol", ...).
        name: what the user wrote.
        known: every valid name.

    Returns:
        The error, ready to raise.
    """
    names = sorted(known)
    name = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."
    some = ", ".join(names[:KNOWN]) + (f" and {len(names) - KNOWN} more" if len(names) > KNOWN else "")
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {some or 'none'}"
    return UsageError(f"no {kind} named '{name}'; {hint}")


def short_line(text: str) -> str:
    """A message with what somebody else wrote in it: one line of a length that people read."""
    line = one_line(text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}"
