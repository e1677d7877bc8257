"""Whatever the encoding and whatever the text: it is shown, and it commands nothing."""

import io
import sys

import pytest

from bench.base.streams import mend_streams, one_line, printable, shell_word


def shown(text: str, encoding: str, monkeypatch: pytest.MonkeyPatch, own: str | None = None) -> bytes:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    mend_streams(own)
    sys.stdout.write(text)
    sys.stdout.flush()
    return raw.getvalue()


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a ≠ b … ±1 × 2 → −3 ≤ 4", "a != b ... +-1 x 2 -> -3 <= 4"),
        ("CUTᵃ ᵇ", "CUTa b"),
        ("┌──┬┐│█⠋", "+--++|##"),
        ("Zürich 東京 😀", "Z\\xfcrich \\u6771\\u4eac \\U0001f600"),
        ("name-\udcff.png", "name-\\xff.png"),
    ],
)
def test_signs_that_an_ascii_stream_cannot_take_get_stand_ins(text, plain, monkeypatch):
    assert shown(text, "ascii", monkeypatch) == plain.encode()


def test_what_a_stream_can_take_stays(monkeypatch):
    assert shown("Zürich ±", "latin-1", monkeypatch) == "Zürich ±".encode("latin-1")
    assert shown("a ≠ b 東京", "utf-8", monkeypatch) == "a ≠ b 東京".encode()
    assert shown("\udcff", "utf-8", monkeypatch) == b"\\xff"
    assert shown("a ≠ b", "ascii", monkeypatch, own="utf-8") == "a ≠ b".encode()


def test_nothing_in_a_name_is_obeyed_by_a_terminal():
    assert printable("a\x1b[2J\x07\x9b\u202eb\r\n\tc") == "a\\x1b[2J\\x07\\x9b\\u202eb\\x0d\n\tc"
    assert one_line("two\nlines\t.") == "two\\nlines\\t."


@pytest.mark.parametrize(
    ("name", "word"), [("runs", "runs"), ("what now?", "'what now?'"), ("it's\n\udcff\\", "$'it\\'s\\n\\xff\\\\'")]
)
def test_a_word_for_the_shell(name, word):
    assert shell_word(name) == word
