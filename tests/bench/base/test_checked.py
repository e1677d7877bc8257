"""What is remembered of checked bytes: nothing of another kind is believed, and losing it costs only time."""

import os

import pytest

from bench.base import checked
from bench.base.checked import WORTH, Checked, stamp


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache" / "checked"


def remember(path, stamps, by="this code"):
    memory = Checked(path, by)
    memory.take_in(stamps)
    memory.write()


MANY = [stamp("run", str(number)) for number in range(WORTH)]


def test_division_and_order_are_part_of_a_stamp():
    stamps = [stamp("ab", "c"), stamp("a", "bc"), stamp("abc"), stamp("c", "ab"), stamp("abc", ""), stamp()]
    assert len(set(stamps)) == len(stamps)
    assert stamp("ü") == stamp("ü".encode())
    assert stamp(os.fsdecode(b"\xff"))  # a name that is no text


def test_what_was_taken_in_is_known_to_the_next_command(path):
    remember(path, MANY)
    again = Checked(path, "this code")
    assert all(seen in again for seen in MANY)
    assert stamp("another") not in again


def test_a_few_are_not_worth_a_file(path):
    remember(path, MANY[1:])
    assert not path.exists()


def test_what_other_code_checked_is_not_believed(path):
    remember(path, MANY, "older code")
    assert MANY[0] not in Checked(path, "this code")


def test_what_is_added_is_handed_on_once(path):
    memory = Checked(path, "this code")
    memory.add(MANY[0])
    assert MANY[0] in memory
    assert memory.take_new() == [MANY[0]]
    assert memory.take_new() == []


def test_a_memory_adds_to_what_is_there(path):
    remember(path, MANY)
    more = [stamp("more", str(number)) for number in range(WORTH)]
    remember(path, more)
    again = Checked(path, "this code")
    assert all(seen in again for seen in [*MANY, *more])


def test_no_other_stamp_is_known_after_a_flipped_bit(path):
    remember(path, MANY)
    whole = path.read_bytes()
    for bit in range(0, 8 * len(whole), 37):
        spoiled = bytearray(whole)
        spoiled[bit // 8] ^= 1 << bit % 8
        path.write_bytes(spoiled)
        known = Checked(path, "this code")
        assert sum(seen in known for seen in MANY) in (0, WORTH - 1)


@pytest.mark.parametrize("spoil", [lambda whole: whole[:-1], lambda whole: whole + b"x", lambda whole: b""])
def test_a_damaged_memory_is_none(path, spoil):
    remember(path, MANY)
    path.write_bytes(spoil(path.read_bytes()))
    assert MANY[0] not in Checked(path, "this code")
    remember(path, MANY)  # and is written anew
    assert MANY[0] in Checked(path, "this code")


def test_no_memory_where_there_is_no_file_to_read_or_to_write(path, monkeypatch, tmp_path):
    assert MANY[0] not in Checked(path, "this code")
    path.mkdir(parents=True)
    remember(path, MANY)  # a folder stands in its place
    assert MANY[0] not in Checked(path, "this code")
    remember(None, MANY)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(checked, "read_regular", refuse)
    assert MANY[0] not in Checked(tmp_path / "other", "this code")
