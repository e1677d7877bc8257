"""What one check of the doctor found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from bench.base.errors import BenchError

# ok: as it should be; note: good to know; warn: something will not work or be slow; none: absent, and only needed for
# some things; FAIL: results of this machine cannot be trusted, or nothing can be run
Mark = Literal["ok", "note", "warn", "none", "FAIL"]


NUMBERS_SECTION = "numbers, and how far they are from the reference"


@dataclass(frozen=True)
class Finding:
    """One line of the answer.

    Attributes:
        section: the heading it belongs below.
        name: what was looked at.
        mark: how it is.
        detail: what was found and, unless it is fine, the way out.
    """

    section: str
    name: str
    mark: Mark
    detail: str


def amount(error: float) -> str:
    """An error as it is printed, five characters wide."""
    return f"{error:.0e}" if error else "0    "


def guarded(section: str, name: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings of a check; a check that breaks is a finding, and the others still run."""
    try:
        yield from check()
    except BenchError as error:
        yield Finding(section, name, "FAIL", str(error))
    except Exception as error:  # whatever is broken on a machine must not stop the examination of the rest
        line = (str(error).strip() or "no message").splitlines()[0]
        yield Finding(section, name, "FAIL", f"{type(error).__name__}: {line}")
