"""Records that are sealed when they are written and checked when they are read: what was written, or refused.

A seal is the sha256 of a record's content and of what it is a record of (a run's key, a score's), so that a flipped bit, an
edit by hand and another run's record are noticed. Records of earlier formats have no seal; they are told from a sealed one
that lost its seal by their keys, none of which are new.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, NoReturn, Self, TypeVar

from pydantic import BaseModel, Field, ValidationError

from bench.base.errors import BenchError
from bench.base.regular import read_regular
from bench.base.storage import write_json
from bench.base.validation import Strict, validation_line

SEAL = "seal"
MAX_BYTES = 64 << 20  # of a record; the largest real ones, of tables, have a few
NO_SEAL = object()
Model = TypeVar("Model", bound=BaseModel)


class Damaged(BenchError):
    """A record is not what was written: names the file, what is wrong with it and the way out."""


class Record(Strict):
    """A file that cells, curves or decisions are made from.

    Attributes:
        kind: what it is, in one word; part of the seal.
        way_out: what to do about a damaged one.
        new: the keys that records of the earlier format do not have.
        format: of the file; 3 where a record has a newer one of its own.
        seal: the one that it was read with; empty: it is of the earlier format, or not written yet.
    """

    kind: ClassVar[str]
    way_out: ClassVar[str]
    new: ClassVar[frozenset[str]]

    format: Literal[2, 3] = 2
    seal: str = Field(default="", exclude=True, repr=False)

    @classmethod
    def upgraded(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The content of an earlier format as it is written now; any other content itself."""
        return values

    def write(self, path: Path, identity: str) -> None:
        """Write the record, sealed, as what it is of."""
        write_sealed(path, self.kind, identity, self.model_dump(mode="json"))

    @classmethod
    def read(cls, path: Path, identity: str, way_out: str = "", content: bytes | None = None) -> Self | None:
        """Read the record of `identity`; None if there is none.

        Args:
            path: the file.
            identity: what it has to be the record of.
            way_out: instead of the class's own.
            content: of the file, where it has been read already.

        Raises:
            Damaged: it is not what was written.
        """
        new = {"format", *cls.new}
        way_out = way_out or cls.way_out
        found = read_sealed(path, cls.kind, identity, way_out, lambda values: not values.keys() & new, content)
        if found is None:
            return None
        values = cls.upgraded(found.values)
        present = found if values is found.values else found._replace(values=values, text=_canonical(values))
        record = validated(cls, present, path, way_out)
        if found.seal is not NO_SEAL:
            record.__dict__["seal"] = found.seal  # what `model_copy` does, for a fifth of its time
        return record

    @classmethod
    def of_checked(cls, content: bytes) -> Self:
        """The record in a file's content that `read` has accepted before, without checking its seal again.

        Raises:
            ValidationError: it has not.
        """
        return cls.model_validate_json(content, strict=True)

    @classmethod
    def of_folder(cls, path: Path) -> Self:
        """Read the record of a folder, whose name is what it is of.

        Raises:
            Damaged: it is gone, or not what was written.
        """
        record = cls.read(path, path.parent.name)
        if record is None:
            raise Damaged(f"{path}: is gone; {cls.way_out}")
        return record


def write_sealed(path: Path, kind: str, identity: str, content: dict[str, Any]) -> None:
    """Write a JSON object with its seal, atomically.

    Args:
        path: the file.
        kind: of the record.
        identity: what it is a record of.
        content: plain values; numbers are finite.
    """
    write_json(path, sealed(kind, identity, content))


def sealed(kind: str, identity: str, content: dict[str, Any]) -> dict[str, Any]:
    """The content and its seal."""
    return content | {SEAL: _seal(kind, identity, _canonical(content))}


class Content(NamedTuple):
    """What a file holds.

    Attributes:
        values: without the seal.
        text: the same as canonical JSON.
        seal: `NO_SEAL` if there is none.
    """

    values: dict[str, Any]
    text: bytes
    seal: Any


def read_sealed(
    path: Path,
    kind: str,
    identity: str,
    way_out: str,
    is_earlier: Callable[[dict[str, Any]], bool],
    content: bytes | None = None,
) -> Content | None:
    """Read a JSON object and check its seal.

    Args:
        path: the file.
        kind: of the record.
        identity: what it has to be a record of.
        way_out: the end of the error's line.
        is_earlier: whether content without a seal is of a format that had none.
        content: of the file, where it has been read already.

    Returns:
        The content; None if there is no file.

    Raises:
        Damaged: it is not what was written.
    """
    found = _parsed(path, way_out, content)
    if found is None:
        return None
    if found.seal is NO_SEAL:
        if not is_earlier(found.values):
            _refuse(path, "carries no seal, which its format has", way_out)
    elif found.seal != _seal(kind, identity, found.text):
        _refuse(path, f"is not what was written of {identity} (its seal does not fit)", way_out)
    return found


def write_note(path: Path, kind: str, identity: str, content: dict[str, Any]) -> None:
    """Write a small record that no model describes, or that is written many times a second, with its seal."""
    write_sealed(path, kind, identity, content | {"format": 2})


def read_note(path: Path, kind: str, identity: str, way_out: str) -> dict[str, Any] | None:
    """What `write_note` wrote, or an earlier version did without a seal, never an empty one; None if there is no file.

    Raises:
        Damaged: it is not what was written.
    """
    note = read_sealed(path, kind, identity, way_out, lambda content: bool(content) and "format" not in content)
    if note is None:
        return None
    return {name: value for name, value in note.values.items() if name != "format"}


def validated(model: type[Model], content: Content, path: Path, way_out: str) -> Model:
    """Content as a model, without any conversion: no text or boolean is a number, and numbers are finite.

    Raises:
        Damaged: it does not fit.
    """
    try:
        return model.model_validate_json(content.text, strict=True)
    except ValidationError as error:
        raise Damaged(f"{validation_line(str(path), error)}; {way_out}") from error


def _parsed(path: Path, way_out: str, content: bytes | None) -> Content | None:
    try:
        values = _DECODER.decode((read_regular(path, MAX_BYTES) if content is None else content).decode())
        if isinstance(values, dict):
            seal = values.pop(SEAL, NO_SEAL)
        text = _canonical(values)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Damaged(f"{path}: cannot be read ({error.strerror}); {way_out}") from error
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{path}: is damaged ({str(error) or 'empty'}); {way_out}") from error
    if not isinstance(values, dict):
        _refuse(path, "holds no JSON object", way_out)
    return Content(values, text, seal)


def _refuse(path: Path, what: str, way_out: str) -> NoReturn:
    raise Damaged(f"{path}: {what}; {way_out}")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


# made once: a home of many runs has millions of records
_DECODER = json.JSONDecoder(parse_constant=_no_constant)
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def _canonical(content: Any) -> bytes:
    return _ENCODER.encode(content).encode()


def _seal(kind: str, identity: str, content: bytes) -> str:
    """The seal of a content in canonical form: sha256 of `{"content": ..., "kind": ..., "of": ...}` in that form."""
    rest = _canonical({"kind": kind, "of": identity})
    return hashlib.sha256(b'{"content":' + content + b"," + rest[1:]).hexdigest()
