"""Source files of strangers are parsed within bounds or refused in one line."""

import os
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.base.errors import BenchError
from bench.plugin.closure import closure
from bench.plugin.discovery import find_plugin
from bench.plugin.source import LARGEST, class_literals


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x = 1\0\n", "null bytes"),
        (b"(" * 100_000, "cannot be read as Python: "),
        (b"x = " + b"[" * 90 + b"]" * 90 + b"\nclass A:\n    y = " + b"-" * 50_000 + b"1\n", "nested too deeply"),
        (b"x = " + b"1+" * 100_000 + b"1\n", "nested too deeply"),
        (b"x = a" + b".b" * 100_000 + b"\n", "nested too deeply"),
        (b"#" * 50_000_000, "is larger than 250,000 bytes"),
        (b"x = " + b"9" * 10_000 + b"\n", "cannot be read as Python: "),
    ],
    ids=["nul", "brackets", "minus", "plus", "attributes", "50 MB", "digits"],
)
def test_what_cannot_be_parsed_is_one_line(tmp_path, content, message):
    file = tmp_path / "bad.py"
    file.write_bytes(content)
    start = time.process_time()
    with pytest.raises(BenchError, match=r"bad\.py: ") as caught:
        find_plugin("loss", f"{file}:A")
    assert time.process_time() - start < 2
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(BenchError, match=r"pipe\.py"):
        class_literals(tmp_path / "pipe.py")


def test_the_largest_file_is_parsed_in_time(tmp_path):
    file = tmp_path / "large.py"
    file.write_text("x = [1, 2]\n" * (LARGEST // 11))
    start = time.process_time()
    assert closure(file).modules == set()
    assert time.process_time() - start < 4


@settings(max_examples=150, deadline=None)
@given(
    text=st.text(alphabet="abc=:()[]{}'\"\\\n 01.,*@#", max_size=80), imports=st.text(alphabet="ab._, *", max_size=12)
)
def test_any_source_is_read_or_refused(tmp_path_factory, text, imports):
    file = tmp_path_factory.getbasetemp() / "any.py"
    file.write_text(f"{text}\nimport {imports}\nfrom .{imports} import a\nclass A:\n    {text}\n", encoding="utf-8")
    with suppress(BenchError):
        class_literals(file)
        closure(file)
