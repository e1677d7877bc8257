import json
import os
from typing import ClassVar

import pytest

from bench.base.sealed import Damaged, Record, read_note, write_note


class Note(Record):
    kind: ClassVar[str] = "note"
    way_out: ClassVar[str] = "write it again"
    new: ClassVar[frozenset[str]] = frozenset({"author"})

    number: float
    count: int = 1
    author: str = ""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "note.json"
    Note(number=0.1, author="ü").write(path, "mine")
    return path


def test_a_record_survives_its_file(path):
    found = Note.read(path, "mine")
    assert (found.number, found.author, len(found.seal)) == (0.1, "ü", 64)
    assert json.loads(path.read_text())["number"] == 0.1  # at the top, for whoever reads it without contrastbench
    assert Note.read(path.with_name("other.json"), "mine") is None
    assert Note.read(path / "below.json", "mine") is None


def test_layout_is_no_content(path):
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert Note.read(path, "mine").number == 0.1


def refused(path, what, identity="mine") -> None:
    with pytest.raises(Damaged) as caught:
        Note.read(path, identity)
    assert str(caught.value).startswith(f"{path}: {what}")
    assert str(caught.value).endswith("; write it again")
    assert "\n" not in str(caught.value)


def test_anothers_record_is_refused(path):
    refused(path, "is not what was written of yours (its seal does not fit)", "yours")


@pytest.mark.parametrize(
    "change", [{"number": 0.2}, {"count": True}, {"seal": "0"}, {"seal": None}, {"more": 1}, {"format": 3}]
)
def test_a_record_that_was_edited_is_refused(path, change):
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    refused(path, "is not what was written of mine")


@pytest.mark.parametrize("removed", [["seal"], ["seal", "format"], ["seal", "author"]])
def test_a_record_without_its_seal_is_none_of_a_time_before_seals(path, removed):
    content = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in content.items() if name not in removed}))
    refused(path, "carries no seal, which its format has")


def test_a_record_of_a_time_before_seals_is_read_and_has_none(path):
    path.write_text('{"number": 1}')
    assert (Note.read(path, "mine").number, Note.read(path, "mine").seal) == (1.0, "")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is damaged"),
        ("[1]", "holds no JSON object"),
        ("null", "holds no JSON object"),
        ('{"number": NaN}', "is damaged (NaN is no number)"),
        ('{"number": 1e999}', "is damaged"),
        ('{"number": 1' + "0" * 5000 + "}", "is damaged"),
        ('{"number": ' + "[" * 100_000, "is damaged"),
        ('{"number": true}', "number: Input should be a valid number"),
        ('{"number": "12"}', "number: Input should be a valid number"),
        ('{"number": null}', "number: Input should be a valid number"),
        ('{"count": 1}', "number: Field required"),
        ('{"number": 1, "count": 1.5}', "count: Input should be a valid integer"),
        ('{"number": 1, "other": 1}', "other: unknown key"),
    ],
)
def test_what_is_no_record_is_named(path, text, what):
    path.write_text(text)
    refused(path, what)


def test_places_that_hold_no_file(tmp_path):
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", "cannot be read (is no regular file)")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "cannot be read (is no regular file)")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    refused(tmp_path / "bytes", "is damaged")


def test_a_file_that_may_not_be_read(path, monkeypatch):
    def refuse(path, most):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("bench.base.sealed.read_regular", refuse)
    refused(path, "cannot be read (Permission denied)")


def test_an_empty_note_is_none_of_a_time_before_seals(path):
    write_note(path, "note", "mine", {"number": 1})
    assert read_note(path, "note", "mine", "write it again") == {"number": 1}
    path.write_text('{"number": 1}')
    assert read_note(path, "note", "mine", "write it again") == {"number": 1}
    path.write_text("{}")
    with pytest.raises(Damaged, match="carries no seal, which its format has; write it again"):
        read_note(path, "note", "mine", "write it again")
