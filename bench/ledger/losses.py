"""The loss log read back: rows that are linked by a running digest, so that none is changed, lost or added unseen.

A row's `chain` is a digest of the run's key, of all bytes of the file before the row, and of the row. Rows of the earlier
format have none: the next row that has one, or the run's result, vouches for them.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.base.regular import read_regular
from bench.base.sealed import Damaged
from bench.schema.records import LossSeal

CHAIN = "chain"
_DIGITS = 16
MAX_BYTES = 1 << 30  # a real one has some megabytes
WAY_OUT = (
    "weights and scores are not affected; to have the losses again, remove the run's folder and run the command again"
)


class LossChain:
    """The running digest of a loss log.

    Args:
        key: the run's train key.

    Attributes:
        rows, length: how many rows and bytes it has seen.
    """

    def __init__(self, key: str) -> None:
        self._digest = hashlib.sha256(f"losses of {key}\n".encode())
        self.rows = self.length = 0

    def link(self, row: Mapping[str, Any]) -> str:
        """The `chain` of the next row, which is given without it."""
        digest = self._digest.copy()
        digest.update(json.dumps(row).encode())
        return digest.hexdigest()[:_DIGITS]

    def add(self, line: bytes) -> None:
        """Take in a whole line, with its end."""
        self._digest.update(line)
        self.rows += 1
        self.length += len(line)

    def seal(self) -> LossSeal:
        """What has been taken in."""
        return LossSeal(rows=self.rows, sha256=self._digest.hexdigest())


def read_losses(path: Path, key: str, length: int | None = None) -> tuple[list[dict[str, Any]], LossChain]:
    """The rows of a loss log, checked; an unfinished last line is left out.

    Args:
        path: the file; without one there are no rows.
        key: the run's train key.
        length: read this many bytes only.

    Returns:
        The rows without their links, and the running digest after the last one.

    Raises:
        Damaged: a row is not what was written.
    """
    rows: list[dict[str, Any]] = []
    chain = LossChain(key)
    is_linked = False
    for number, line in enumerate(_lines(path, length), 1):
        row = _row(line)
        if row is None or (rows and row["step"] <= rows[-1]["step"]):
            raise Damaged(f"{path}: line {number} is damaged; {WAY_OUT}")
        link = row.pop(CHAIN, None)
        if (is_linked and link is None) or (link is not None and link != chain.link(row)):
            raise Damaged(f"{path}: line {number} is not what was written after the lines before it; {WAY_OUT}")
        is_linked = link is not None
        chain.add(line)
        rows.append(row)
    return rows, chain


def is_whole(path: Path, key: str, seal: LossSeal, steps: int, content: bytes | None = None) -> bool:
    """Whether a loss log is to the byte the one that a finished run sealed, and ends with its last step.

    A quick look: where it is not so, `read_losses` says what is wrong.

    Args:
        path: the file.
        key: the run's train key.
        seal: from the run's result.
        steps: of the whole training.
        content: of the file, where it has been read already.
    """
    lines = _lines(path, None) if content is None else _finished(content)
    whole = hashlib.sha256(f"losses of {key}\n".encode())
    whole.update(b"".join(lines))
    last = _row(lines[-1]) if lines else None
    has_ended = last is not None and last["step"] == steps
    return has_ended and (len(lines), whole.hexdigest()) == (seal.rows, seal.sha256)


def _lines(path: Path, length: int | None) -> list[bytes]:
    """The finished lines, with their ends."""
    try:
        content = read_regular(path, MAX_BYTES)[:length]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise Damaged(f"{path}: cannot be read ({error.strerror}); {WAY_OUT}") from error
    return _finished(content)


def _finished(content: bytes) -> list[bytes]:
    return [line + b"\n" for line in content.split(b"\n")[:-1]]


def _row(line: bytes) -> dict[str, Any] | None:
    """A row with step, epoch, finite losses and perhaps its link; None if it is none."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or not all(type(row.get(name)) is int and row[name] > 0 for name in ("step", "epoch")):
        return None
    if not all(_is_number(value) for name, value in row.items() if name != CHAIN):
        return None
    return row if type(row.get(CHAIN, "")) is str else None


def _is_number(value: object) -> bool:
    """Whether it is a finite number that a loss or a step may be; True and "12" are none."""
    return (type(value) is int and abs(value) < 2**63) or (type(value) is float and math.isfinite(value))
