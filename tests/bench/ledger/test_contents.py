"""A finished run's files are read once, and their hash tells them from all others."""

import pytest
from written_records import write_result

from bench.base.home import RunFolder
from bench.ledger.contents import UNREAD, read_contents, score_files


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    folder = RunFolder(tmp_path / "cut-0123")
    write_result(folder)
    folder.scores.mkdir()
    for name in ("b.json", "a.json", "a.txt"):
        (folder.scores / name).write_bytes(name.encode())
    return folder


def test_all_that_says_what_came_of_a_run_is_read(folder):
    contents = read_contents(folder)
    assert contents.result == folder.result.read_bytes()
    assert contents.losses == folder.metrics.read_bytes()
    assert contents.scores == {"a": b"a.json", "b": b"b.json"}
    assert list(contents.scores) == score_files(folder) == ["a", "b"]


@pytest.mark.parametrize("name", ["result", "metrics"])
def test_nothing_is_read_of_a_run_that_lacks_something(folder, name):
    path = getattr(folder, name)
    path.unlink()
    assert read_contents(folder) is None
    path.mkdir()
    assert read_contents(folder) is None


def test_a_score_that_is_no_file(folder):
    (folder.scores / "c.json").mkdir()
    assert read_contents(folder) is None


def test_a_score_may_be_called_like_another_file(folder):
    (folder.scores / "result.json").write_bytes(b"mine")
    assert read_contents(folder).scores["result"] == b"mine"
    assert read_contents(folder).result == folder.result.read_bytes()


def test_no_two_contents_have_one_stamp(folder):
    contents = read_contents(folder)
    changed = [
        UNREAD,
        contents,
        contents._replace(result=contents.losses, losses=contents.result),
        contents._replace(scores={"a": b"b.json", "b": b"a.json"}),
        contents._replace(scores={"a": b"a.json"}),
        contents._replace(scores={"ab": b".json", "b": b"b.json"}),
        contents._replace(scores={}, losses=contents.losses + b"ab"),
    ]
    stamps = {one.stamp(key) for one in changed for key in ("cut-0123", "cut-4567")}
    assert len(stamps) == 2 * len(changed)
