import os
import re
import socket

import pytest

from bench.base.regular import is_regular, open_regular, read_regular, resolved


def test_only_regular_files_are_opened_and_nothing_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
    assert read_regular(tmp_path / "link", 3) == b"abc"
    for name in ("folder", "pipe", "loop", "socket", "none", "x" * 5000):
        assert not is_regular(tmp_path / name)
        with pytest.raises(OSError, match=re.compile("regular file|loop|levels|No such|too long", re.IGNORECASE)):
            open_regular(tmp_path / name)
    with pytest.raises(OSError, match="is no regular file"):
        read_regular(tmp_path / "pipe", 3)


def test_no_more_is_read_than_fits(tmp_path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match="is too large"):
        read_regular(tmp_path / "sparse", 1 << 20)


def test_paths_that_cannot_be_followed_stay_as_they_are(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    assert resolved(tmp_path / "loop") == tmp_path / "loop"
    assert not is_regular(resolved("~nobody-of-that-name/x.py"))
    assert not is_regular(resolved("a\0b"))
