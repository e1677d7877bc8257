"""YAML of strangers: plain values, or one line with file and line, in less than two seconds."""

import json
import time
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.base.errors import BenchError, UsageError
from bench.schema.bounded_yaml import read_value, read_yaml
from bench.schema.protocol import load_protocol


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


def refused(tmp_path, content: bytes | str) -> str:
    """The one line that a file is refused with, in less than two seconds."""
    file = tmp_path / "a.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    start = time.process_time()
    with pytest.raises(UsageError) as caught:
        read_yaml(file)
    assert time.process_time() - start < 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2020-13-45", "'2020-13-45' is read as a date; put a text in quotes"),
        ("2020-01-02", "'2020-01-02' is read as a date; put a text in quotes"),
        ("!!timestamp x", "'x' is read as a date"),
        ("0x_", "'0x_' is no int"),
        (".inf", "'.inf' is no finite number"),
        (".nan", "'.nan' is no finite number"),
        ("1.0e+999", "'1.0e+999' is no finite number"),
        ("9" * 30, "is too large"),
        ("9" * 5000, "is too long"),
        (":".join(["59"] * 500), "is too long"),
        ("!!int ''", "'' is no int"),
        ("!!bool maybe", "'maybe' is no bool"),
        ("!!float x", "'x' is no float"),
        ("!!binary aGk=", "the tag !!binary has no meaning here"),
        ("!!set {a, b}", "the tag !!set has no meaning here"),
        ("!!python/object/apply:os.system [echo]", "the tag !!python/object/apply:os.system has no meaning here"),
        ("!mine x", "the tag !mine has no meaning here"),
        ("!!map x", "this is no mapping"),
        ("{yes: 1}", "the key 'yes' is no text; put it in quotes"),
        ("{null: 1}", "the key 'null' is no text"),
        ("{1.5: 1}", "the key '1.5' is no text"),
        ("{[1]: 1}", "the key 'this' is no text"),
        ("{1: a, b: c}", "is a number and others are texts"),
        ("{1: a, 0x1: c}", "key '1' is given twice"),
        ("*nothing", "unknown alias: nothing"),
        ('"\\ud800"', "this text holds signs that no file can hold"),
        ('"\\0"', "this text holds signs that no file can hold"),
    ],
)
def test_what_is_no_value_is_named_with_its_line(tmp_path, line, message):
    found = refused(tmp_path, f"a: 1\nb: {line}\n")
    assert found.startswith("a.yaml line 2: not valid YAML: ")
    assert message in found
    with pytest.raises(UsageError, match=r"^--set lr=: the value is not valid YAML: "):
        read_value(line, "--set lr=")


def test_what_is_no_text(tmp_path):
    assert refused(tmp_path, b"a: 1\nb: \xff\n") == "a.yaml line 2: is not UTF-8 text (byte 8)"
    assert refused(tmp_path, b"a: 1\nb: x\0y\n") == "a.yaml line 2: not valid YAML: unacceptable character #x0000"
    assert "must hold a mapping" in refused(tmp_path, "")
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(UsageError, match="is no regular file"):
        read_yaml(tmp_path / "folder.yaml")


def bomb(first: str, link: str, last: str, count: int = 12) -> str:
    return "\n".join([first, *(link.format(i, ", ".join([f"*a{i - 1}"] * 9)) for i in range(1, count)), last])


@pytest.mark.parametrize(
    "content",
    [
        "a: " + "[" * 100_000,
        "a: " + "[" * 60_000 + "]" * 60_000,
        "a: " + "{a: " * 25_000,
        "- " * 60_000,
        "? " * 60_000,
        "".join(" " * i + f"k{i}:\n" for i in range(450)),
        bomb("a0: &a0 [x, x]", "a{0}: &a{0} [{1}]", "z: 1"),
        bomb("a0: &a0 {x: 1}", "a{0}: &a{0} {{<<: [{1}], k{0}: 1}}", "z: 1"),
        "a: &a {k: 1}\nb: [" + "*a, " * 20_000 + "]",
        "a: [" + "x, " * 40_000 + "]",
        "a: &a [*a]",
        "a: " + "x" * 200_000,
        "a: '" + "x\n\n" * 40_000,
        "&a " * 40_000,
        "! " * 60_000,
        "%TAG !a! b\n" * 11_000,
        "a: |\n" + " \n" * 60_000 + "\t",
        "a: " + "- - " * 30_000,
        "{" * 120_000,
        "a: " + "?" * 120_000 + ":\n-",
    ],
    ids=range(20),
)
def test_bombs_are_refused_at_once(tmp_path, content):
    assert refused(tmp_path, content).startswith("a.yaml")


@settings(max_examples=200, deadline=None)
@given(
    content=st.binary(max_size=300) | st.text(alphabet="ab01:-{}[]&*!<>|'\"#%?,. \n\t~", max_size=120).map(str.encode)
)
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(content)
    with suppress(UsageError):
        json.dumps(read_yaml(file), sort_keys=True, allow_nan=False)  # what is read is plain


KEY = st.text(max_size=4) | st.integers() | st.none()
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates() | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEY, inner, max_size=3),
    max_leaves=12,
)
KEYS = [
    "name",
    "version",
    "title",
    "task",
    "recipe",
    "data",
    "metrics",
    "select_by",
    "scales",
    "changes",
    "parameters",
    "notes",
]


@settings(max_examples=60, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=3))
def test_any_protocol_is_read_or_refused(tmp_path_factory, changes):
    file = tmp_path_factory.getbasetemp() / "any-protocol.yaml"
    good = yaml.safe_load((Path(__file__).parents[3] / "protocols" / "horse2zebra.yaml").read_text())
    file.write_text(yaml.safe_dump(good | changes), encoding="utf-8")
    said = ""
    try:
        load_protocol(str(file))
    except BenchError as error:
        said = str(error)
    assert "\n" not in said


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=40))
def test_any_setting_is_read_or_refused(text):
    with suppress(UsageError):
        json.dumps(read_value(text, "--set a"), sort_keys=True, allow_nan=False)
