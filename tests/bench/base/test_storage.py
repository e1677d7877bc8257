"""Writing atomically. Refusals are made up: root, as whom containers run tests, may write anywhere."""

import errno
import os
from pathlib import Path

import pytest

from bench.base.errors import BenchError
from bench.base.storage import explained, read_json, write_atomically, write_json, write_text


def refuse(number):
    def write(*_, **__):
        raise OSError(number, os.strerror(number))

    return write


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "new folder" / "a.json"
    write_json(path, {"b": [1, 2.5, None], "a": "ü"})
    assert read_json(path) == {"a": "ü", "b": [1, 2.5, None]}
    write_json(path, {"a": 2})
    assert read_json(path) == {"a": 2}
    assert [entry.name for entry in path.parent.iterdir()] == ["a.json"]


def test_a_text_is_written_as_utf8_and_a_refusal_names_the_option(tmp_path, monkeypatch):
    write_text(tmp_path / "a.txt", "ü\n")
    assert (tmp_path / "a.txt").read_bytes() == b"\xc3\xbc\n"
    monkeypatch.setattr(Path, "write_text", refuse(errno.EROFS))
    with pytest.raises(BenchError, match=r"a\.txt: cannot be written: it is not writable; .* --output DIR"):
        write_text(tmp_path / "a.txt", "new", "--output")


def test_readers_never_see_half_a_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    seen = []

    def write(temporary):
        temporary.write_text("half")
        seen.append(path.read_text())
        temporary.write_text("new")

    write_atomically(path, write)
    assert seen == ["old"]
    assert path.read_text() == "new"


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt(), ValueError("bad")])
def test_whatever_goes_wrong_the_old_file_stays_and_nothing_else(tmp_path, failure):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write(temporary):
        temporary.write_text("half")
        raise failure

    with pytest.raises((BenchError, KeyboardInterrupt, ValueError)):
        write_atomically(path, write)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(
    ("number", "way_out"),
    [
        (errno.ENOSPC, "the disk is full; free some space and run the same command again, nothing finished is lost"),
        (errno.EDQUOT, "the disk is full; free some space and run the same command again, nothing finished is lost"),
        (errno.EROFS, "it is not writable; choose another place with --home DIR"),
        (errno.EACCES, "it is not writable; choose another place with --home DIR"),
        (errno.EPERM, "it is not writable; choose another place with --home DIR"),
        (errno.EIO, "Input/output error; run the same command again once that is mended"),
        (errno.ENAMETOOLONG, "File name too long; run the same command again once that is mended"),
    ],
)
def test_the_operating_systems_refusal_is_one_line_with_the_way_out(tmp_path, number, way_out):
    path = tmp_path / "a.json"
    with pytest.raises(BenchError) as caught:
        write_atomically(path, refuse(number))
    assert str(caught.value) == f"{path}: cannot be written: {way_out}"


def test_a_full_disk_is_noticed_while_flushing_too(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_text("old")
    monkeypatch.setattr("bench.base.storage.os.fsync", refuse(errno.ENOSPC))
    with pytest.raises(BenchError, match="the disk is full"):
        write_json(path, {})
    assert path.read_text() == "old"


def test_a_place_that_cannot_be_a_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BenchError, match=r"file/a\.json: cannot be written"):
        write_json(tmp_path / "file" / "a.json", {})


def test_a_real_full_device():
    """/dev/full refuses every byte, whoever writes."""

    def write():
        with explained(Path("/dev/full")):
            Path("/dev/full").write_text("x")

    with pytest.raises(BenchError, match="/dev/full: cannot be written: the disk is full"):
        write()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"a": 1}trailing'])
def test_a_damaged_file_reads_as_none(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    assert read_json(path) is None
    assert read_json(tmp_path / "gone.json") is None
    assert read_json(tmp_path) is None


def test_what_json_cannot_hold_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert read_json(path) == {"a": 1}
