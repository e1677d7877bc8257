"""What a reader of files has to withstand: made-up and spoiled content, and places where no file can be.

The contract of every reader, whoever wrote the file: it gives what stands there or refuses it with one of this project's
errors, in one line; no other exception, no waiting; and nothing that was not written is taken for what was.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.base.errors import BenchError

SECONDS = 2.0  # of a processor's time that one input may take; the clock runs while others are at work
HANG = 30.0  # by the clock: waiting takes no processor
LONGEST = 3000  # signs of an error's line
REFUSED = "refused"


class Hang(BaseException):
    """A reader waits; no `except Exception` stops it."""


@dataclass(frozen=True)
class Reader:
    """A reader on trial.

    Attributes:
        read: given the path of a file, what stands in it.
        whole: the content of a good file.
        name: of the file; readers may ask for an ending, or a file's name may be an identity.
        may_be: whether a spoiled file may be read as this: by default what the good file says, or nothing.
        forge: a good file of other content, as whoever knows the format can write it; None: any JSON object is one.
        names_file: whether a refusal says the file's name.
        gives: whether it gives anything.
        inputs: how often to try it, against another reader's 1; slow readers have less.
    """

    read: Callable[[Path], Any]
    whole: bytes
    name: str = "file"
    may_be: Callable[[Any, Any], bool] = field(default=lambda found, good: found is None or found == good)
    forge: Callable[[dict[str, Any]], bytes] | None = None
    names_file: bool = False
    gives: bool = True
    inputs: float = 1.0


@contextmanager
def in_time() -> Iterator[None]:
    """Fail what waits, and what takes longer than any input may.

    Raises:
        Hang: after `HANG` seconds.
    """

    def ring(number: int, frame: object) -> None:
        raise Hang(f"still at work after {HANG:.0f} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, HANG)
    start = time.process_time()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    spent = time.process_time() - start
    assert spent <= SECONDS, f"took {spent:.1f} s of a processor"


def outcome(read: Callable[[Path], Any], path: Path, names_file: bool = False) -> Any:
    """What a reader makes of a file: what it read, or `REFUSED` in one line of the project's own errors."""
    with in_time():
        try:
            return read(path)
        except BenchError as error:
            line = str(error)
            assert "\n" not in line, line
            assert line.isprintable() or not line.isascii(), line
            assert 0 < len(line) <= LONGEST, f"a line of {len(line)} signs"
            assert not names_file or path.name in line, f"{line}: does not name {path.name}"
            return REFUSED


# what stands where a number, a text or an object is expected
STRANGE: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, -0.0, 1e308, 5e-324, float("nan"), float("inf"), "", "12", "nan",
    "\x00", "a\nb", "\ud800", "../../etc", "/", "x" * 5000, [], {}, [None], {"": None}, [[]] * 3, {"a": {"b": []}},
    "[bold]", "${x}", "é", "e\u0301",
]  # fmt: skip
# whole files
HOSTILE: list[bytes] = [
    b"", b" ", b"\n", b"\x00", b"\x00" * 512, b"null", b"[]", b"{}", b"0", b'""', b"NaN", b"-", b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b"[" * 100_000, b'{"a":' * 50_000, b"9" * 100_000, b'{"a": ' + b"9" * 5000 + b"}", b'{"a": 1e999}', b'{"a": NaN}',
    b'{"a": "\\ud800"}', b'{"a": 1, "a": 2}', b"a: *b", b"a: &a [*a]", b"- " * 50_000,
    b"!!python/object/apply:os.system [id]",
    b"\x80\x04cposix\nsystem\n(X\x02\x00\x00\x00idtR.", b"PK\x03\x04", b"PK\x05\x06" + b"\x00" * 18, b"\x93NUMPY", b"GIF89a",
    b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\x00", b"%!PS-Adobe", b"\xff" * 8 + b"{}", b"\x02" + b"\x00" * 7 + b"{}",
]  # fmt: skip


@st.composite
def spoiled(draw: st.DrawFn, whole: bytes) -> bytes:
    """A good file after an accident: bits flipped, bytes lost, doubled, added or written over; or any bytes at all."""
    kind = draw(st.sampled_from(["bits", "cut", "lost", "doubled", "added", "over", "any", "hostile"]))
    if kind == "any":
        return draw(st.binary(max_size=300))
    if kind == "hostile" or not whole:
        return draw(st.sampled_from(HOSTILE))
    spot = draw(st.integers(0, len(whole) - 1))
    length = draw(st.integers(1, 64))
    if kind == "bits":
        content = bytearray(whole)
        for _ in range(draw(st.integers(1, 4))):
            bit = draw(st.integers(0, 8 * len(whole) - 1))
            content[bit // 8] ^= 1 << bit % 8
        return bytes(content)
    if kind == "cut":
        return whole[:spot]
    if kind == "lost":
        return whole[:spot] + whole[spot + length :]
    if kind == "doubled":
        return whole[: spot + length] + whole[spot:]
    inserted = draw(st.binary(min_size=1, max_size=64))
    return whole[:spot] + inserted + whole[spot + (len(inserted) if kind == "over" else 0) :]


def _places(content: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value in an object."""
    inside = list(
        content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    )
    found = [(*above, key) for key, _ in inside]
    return found + [place for key, value in inside for place in _places(value, (*above, key))]


@st.composite
def strange(draw: st.DrawFn, content: dict[str, Any]) -> dict[str, Any]:
    """An object with one or two of its values, keys or numbers replaced by strange ones, left out or added."""
    changed = deepcopy(content)
    for _ in range(draw(st.integers(1, 2))):
        places = _places(changed)
        if not places:
            return dict(changed)
        *above, last = draw(st.sampled_from(places))
        inside = changed
        for key in above:
            inside = inside[key]
        kind = draw(st.sampled_from(["other", "other", "other", "gone", "more", "nearby"]))
        value = inside[last]
        if kind == "gone":
            del inside[last]
        elif kind == "more" and isinstance(inside, dict):
            name = draw(st.sampled_from(["", "x", "format", "seal", "name", "\n"]))
            inside[name] = deepcopy(draw(st.sampled_from(STRANGE)))
        elif kind == "nearby" and isinstance(value, int | float) and abs(value) < 1e300:
            inside[last] = draw(st.sampled_from([-value, value + 1, value * 1000, value / 7, str(value)]))
        else:
            inside[last] = deepcopy(draw(st.sampled_from(STRANGE)))
    return dict(changed)


def as_json(content: dict[str, Any]) -> bytes:
    """A JSON file by hand."""
    return json.dumps(content).encode("utf-8", "surrogatepass")


class Trials:
    """What was tried, and what came of it.

    Args:
        inputs: how many for a reader of weight 1.
        folder: an empty one.
        repeatable: whether every session tries the same.
    """

    def __init__(self, inputs: int, folder: Path, repeatable: bool) -> None:
        self.inputs, self.folder, self.repeatable = inputs, folder, repeatable
        self.counts: Counter[str] = Counter()

    def withstands(self, reader: Reader) -> None:
        """Try a reader: the good file, spoiled files, made-up ones, forged ones, and what is no file at all."""
        path = self.folder / reader.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(reader.whole)
        good = reader.read(path)  # not timed: what is imported for it takes its time
        assert good or not reader.gives, f"the good file is read as {good!r}"

        def accident(content: bytes) -> None:
            path.write_bytes(content)
            found = outcome(reader.read, path, reader.names_file)
            self.counts["refused" if found is REFUSED else "read as written, or as nothing"] += 1
            assert found is REFUSED or content == reader.whole or reader.may_be(found, good), (
                f"silently read as {found!r}"
            )

        def forgery(content: dict[str, Any]) -> None:
            path.write_bytes((reader.forge or as_json)(content))
            found = outcome(reader.read, path, reader.names_file)
            self.counts["refused" if found is REFUSED else "read: whoever forged it knows the format"] += 1

        self.try_all(spoiled(reader.whole), accident, reader.inputs)
        with suppress(ValueError):
            content = json.loads(reader.whole)
            if reader.forge is not None and isinstance(content, dict):
                self.try_all(strange(content), forgery, reader.inputs / 2)
            elif isinstance(content, dict):
                self.try_all(strange(content).map(as_json), accident, reader.inputs / 2)
        self.no_file(reader, path)

    def no_file(self, reader: Reader, path: Path) -> None:
        """A folder, a pipe, a socket, links that lead nowhere or to themselves, and nothing at all."""

        def bind() -> None:
            with socket.socket(socket.AF_UNIX) as server:
                before = Path.cwd()
                os.chdir(path.parent)  # a socket's path may be short only
                try:
                    server.bind(path.name)
                finally:
                    os.chdir(before)

        kinds: list[Callable[[], object]] = [
            lambda: None, path.mkdir, lambda: os.mkfifo(path), bind, lambda: path.symlink_to("nowhere"),
            lambda: path.symlink_to(path.name), lambda: path.symlink_to("/dev/null"), lambda: path.symlink_to("."),
        ]  # fmt: skip
        for make in kinds:
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            path.unlink(missing_ok=True)
            make()
            found = outcome(reader.read, path)
            self.counts["no file"] += 1
            assert found is REFUSED or not found or found is None or reader.may_be(found, None), f"read as {found!r}"
        path.unlink(missing_ok=True)

    def try_all(self, strategy: st.SearchStrategy[Any], check: Callable[[Any], None], weight: float = 1.0) -> None:
        """Try values of a strategy, as many as the session has for this reader."""
        count = max(1, round(self.inputs * weight))

        @settings(
            max_examples=count, deadline=None, database=None, derandomize=self.repeatable,
            suppress_health_check=list(HealthCheck), report_multiple_bugs=False,
        )  # fmt: skip
        @given(strategy)
        def trial(value: Any) -> None:
            self.counts["inputs"] += 1
            check(value)

        trial()
