"""Which bytes have been checked before, so that commands about very many runs do not check them again.

Telling that a record is what was written (its seal, its schema, its key) takes several times as long as reading it and
hashing its bytes. What is remembered is that hash and nothing else: each value still comes from the record. So nothing that
happens to a record is overlooked, whatever its size and its time of change: other bytes have another hash and are checked;
and a lost, older or damaged memory means no more than that everything is checked once again.

Several processes may read and write one memory: it is put in place whole, and what another one added meanwhile is checked
once again. Whoever can write another memory can as well write another seal (docs/reliability.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from bench.base.errors import BenchError
from bench.base.regular import read_regular
from bench.base.storage import write_atomically

STAMP = 16  # bytes of a hash
MAX_BYTES = 1 << 28
WORTH = 50  # with fewer new ones nothing is written: they are checked in no time


def stamp(*parts: str | bytes) -> bytes:
    """A hash of some texts and contents, in this order and division."""
    contents = [part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part for part in parts]
    lengths = " ".join([str(len(content)) for content in contents])  # which say where one ends and the next begins
    return hashlib.sha256(b"".join([lengths.encode(), b"\n", *contents])).digest()[:STAMP]


class Checked:
    """The stamps of what has been found to be what was written.

    Args:
        path: where they are remembered; None: nowhere.
        by: what checked them, in words; what something else has checked is not believed.
    """

    def __init__(self, path: Path | None = None, by: str = "") -> None:
        self._path, self._head = path, stamp("checked by", by)
        self._known = self._read()
        self._new: list[bytes] = []
        self._unwritten = 0

    def __contains__(self, seen: bytes) -> bool:
        return seen in self._known

    def add(self, seen: bytes) -> None:
        """Note that this has been checked."""
        self._known.add(seen)
        self._new.append(seen)

    def take_new(self) -> list[bytes]:
        """What was added since this was asked before, to be handed to another process."""
        new, self._new = self._new, []
        return new

    def take_in(self, new: Iterable[bytes]) -> None:
        """Note what another process has checked, or this one."""
        for seen in new:
            self._known.add(seen)
            self._unwritten += 1

    def write(self) -> None:
        """Remember what was taken in, where it can be and is worth it."""
        if self._path is None or self._unwritten < WORTH:
            return
        content = self._head + b"".join(sorted(self._known))
        with suppress(BenchError):  # what cannot be kept is checked again
            write_atomically(self._path, lambda temporary: temporary.write_bytes(content))
        self._unwritten = 0

    def _read(self) -> set[bytes]:
        try:
            content = read_regular(self._path, MAX_BYTES) if self._path is not None else b""
        except OSError:
            return set()
        start = len(self._head)
        if content[:start] != self._head or (len(content) - start) % STAMP:
            return set()
        return {content[place : place + STAMP] for place in range(start, len(content), STAMP)}
