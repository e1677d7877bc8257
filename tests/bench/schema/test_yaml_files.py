from pathlib import Path

import pytest

from bench.base.errors import UsageError
from bench.schema.yaml_files import read_yaml


def read(tmp_path: Path, text: str) -> dict:
    file = tmp_path / "a.yaml"
    file.write_text(text)
    return read_yaml(file)


def test_a_key_that_stands_there_twice_is_refused_wherever_it_is(tmp_path):
    with pytest.raises(UsageError, match=r"^a\.yaml line 2: not valid YAML: key 'a' is given twice$"):
        read(tmp_path, "a: 1\na: 2\n")
    with pytest.raises(UsageError, match=r"^a\.yaml line 3: not valid YAML: key 'b' is given twice$"):
        read(tmp_path, "a:\n  b: 1\n  b: 1\n")


def test_anchors_and_merged_keys_still_work(tmp_path):
    assert read(tmp_path, "a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\n") == {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}


def test_an_alias_that_holds_itself(tmp_path):
    with pytest.raises(UsageError, match=r"^a\.yaml"):
        read(tmp_path, "a: &x [*x]\nb: &y {c: *y}\n")
