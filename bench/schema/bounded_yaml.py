"""YAML as strangers may write it: read within bounds, as plain values, or refused in one line with file and line.

Texts, whole numbers, finite numbers, true, false, null, lists and mappings are values. What YAML has beside them (dates,
sets, binary, objects) is refused, as are two equal keys, keys that are no texts or whole numbers, and anything that would
grow when it is read: aliases count as what they stand for. Within `LARGEST`, a file is read or refused in two seconds.
"""

from __future__ import annotations

import math
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from bench.base.errors import UsageError
from bench.base.validation import one_line

LARGEST = 128 * 1024  # bytes of a file; the largest of contrastbench's own has 6,000
_DEEPEST = 24  # levels of lists and mappings in each other
_MOST_NODES = 10_000  # values of a file, with what aliases stand for
_LONGEST_NUMBER = 64  # signs
_LARGEST_INTEGER = 2**63

# libyaml's reader where PyYAML was built with it: `list` reads every file, and Python's takes ten times as long
_Fast: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Plain:
    """What both readers do: values are made of nodes, and a node that is no value is named by its line."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """See PyYAML's constructors; whatever they raise gets a line."""
        try:
            value = super().construct_object(node, deep)  # type: ignore[misc]
        except yaml.YAMLError:
            raise
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
            raise _wrong(f"{_shown(node)} is no {node.tag.rpartition(':')[2]}", node) from error
        return value


def _wrong(problem: str, node: yaml.Node) -> ConstructorError:
    return ConstructorError(problem=problem, problem_mark=node.start_mark)


def _shown(node: yaml.Node) -> str:
    text = str(node.value) if isinstance(node, yaml.ScalarNode) else "this"
    return repr(text if len(text) <= 40 else f"{text[:37]}...")


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    """A mapping; PyYAML keeps the last of two equal keys and says nothing."""
    if not isinstance(node, yaml.MappingNode):
        raise _wrong("this is no mapping", node)
    seen: set[Any] = set()
    for key_node, _ in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            continue
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, bool) or not isinstance(key, str | int):
            raise _wrong(f"the key {_shown(key_node)} is no text; put it in quotes", key_node)
        if key in seen:
            raise _wrong(f"key '{key}' is given twice", key_node)
        if seen and isinstance(key, str) != isinstance(next(iter(seen)), str):
            raise _wrong(f"the key {_shown(key_node)} is a number and others are texts, or the other way", key_node)
        seen.add(key)
    loader.flatten_mapping(node)
    mapping: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    return mapping


def _integer(loader: Any, node: yaml.ScalarNode) -> int:
    if len(str(node.value)) > _LONGEST_NUMBER:
        raise _wrong(f"the number {_shown(node)} is too long", node)
    number: int = loader.construct_yaml_int(node)
    if abs(number) >= _LARGEST_INTEGER:
        raise _wrong(f"the number {_shown(node)} is too large", node)
    return number


def _number(loader: Any, node: yaml.ScalarNode) -> float:
    if len(str(node.value)) > _LONGEST_NUMBER:
        raise _wrong(f"the number {_shown(node)} is too long", node)
    number: float = loader.construct_yaml_float(node)
    if not math.isfinite(number):
        raise _wrong(f"{_shown(node)} is no finite number", node)
    return number


def _text(loader: Any, node: yaml.ScalarNode) -> str:
    text: str = loader.construct_yaml_str(node)
    if any("\ud800" <= sign <= "\udfff" for sign in text) or "\0" in text:
        raise _wrong("this text holds signs that no file can hold", node)
    return text


def _date(loader: Any, node: yaml.Node) -> Any:
    raise _wrong(f"{_shown(node)} is read as a date; put a text in quotes", node)


def _unknown(loader: Any, node: yaml.Node) -> Any:
    raise _wrong(f"the tag {node.tag.replace('tag:yaml.org,2002:', '!!')[:60]} has no meaning here", node)


class _FastLoader(_Plain, _Fast):
    pass


class _Loader(_Plain, yaml.SafeLoader):
    pass


for _kind in (_FastLoader, _Loader):
    _kind.yaml_constructors = {
        **{tag: make for tag, make in yaml.SafeLoader.yaml_constructors.items() if tag is not None},
        **{f"tag:yaml.org,2002:{name}": _unknown for name in ("binary", "omap", "pairs", "set", "python/name")},
        "tag:yaml.org,2002:map": _mapping,
        "tag:yaml.org,2002:int": _integer,
        "tag:yaml.org,2002:float": _number,
        "tag:yaml.org,2002:str": _text,
        "tag:yaml.org,2002:timestamp": _date,
        None: _unknown,
    }


def _check_size(text: str, kind: Any) -> None:
    """Refuse, while its events come in, a text that is too deep or that aliases make too large.

    Raises:
        ConstructorError: with its line.
    """
    anchors: dict[str, int] = {}
    opened: list[tuple[str | None, int]] = []  # anchor of an open list or mapping, values before it
    total = 0
    events: Any = yaml.parse(text, Loader=kind)
    for event in events:
        mark: Any = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in anchors:
                problem = "an alias holds itself; write it out" if event.anchor in dict(opened) else "unknown alias"
                raise ConstructorError(problem=f"{problem}: {str(event.anchor)[:40]}", problem_mark=mark)
            total += anchors[event.anchor]
        elif isinstance(event, yaml.NodeEvent):
            total += 1
            if isinstance(event, yaml.CollectionStartEvent):
                opened.append((event.anchor, total))
            elif event.anchor is not None:
                anchors[event.anchor] = 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = opened.pop()
            if anchor is not None:
                anchors[anchor] = total - before + 1
        if len(opened) > _DEEPEST:
            raise ConstructorError(problem=f"more than {_DEEPEST} levels deep", problem_mark=mark)
        if total > _MOST_NODES:
            raise ConstructorError(
                problem=f"more than {_MOST_NODES:,} values, with what aliases stand for", problem_mark=mark
            )


def _parse(text: str) -> Any:
    try:
        return _read(text, _FastLoader)
    except ConstructorError:
        raise
    except yaml.YAMLError:
        return _read(text, _Loader)  # Python's reader fails too, and names the line where the mistake is


def _read(text: str, kind: Any) -> Any:
    _check_size(text, kind)
    return yaml.load(text, Loader=kind)


def _code(sign: str | bytes | int) -> str:
    """A sign's number: `#x0001`."""
    return f"#x{sign if isinstance(sign, int) else ord(sign):04x}"


def _parsed(text: str, where: str) -> Any:
    try:
        return _parse(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UsageError(
            f"{where} line {line}: not valid YAML: unacceptable character {_code(error.character)}"
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line_text = f" line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or str(error).split("\n")[0]
        raise UsageError(one_line(f"{where}{line_text}: not valid YAML: {reason}")) from error


def read_yaml(path: Traversable) -> dict[str, Any]:
    """Read a YAML mapping.

    Args:
        path: a regular file of at most `LARGEST` bytes.

    Raises:
        UsageError: naming the file and the line.
    """
    if isinstance(path, Path) and path.exists() and not path.is_file():
        raise UsageError(f"{path}: is no regular file")
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > LARGEST:
        raise UsageError(f"{path.name}: is larger than {LARGEST // 1024} KiB; a protocol or a table has a few")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path.name} line {line}: is not UTF-8 text (byte {error.start})") from error
    document = _parsed(text, path.name)
    if not isinstance(document, dict):
        raise UsageError(f"{path.name}: must hold a mapping of keys to values")
    return document


def read_value(text: str, where: str) -> Any:
    """Read one value that a user typed as YAML.

    Args:
        text: the value, such as `0.1`, `true` or `[1, 2]`.
        where: what it belongs to, for messages: `--set lr=0.1`.

    Raises:
        UsageError: naming it.
    """
    try:
        encoded = text.encode("utf-8")
    except UnicodeEncodeError:
        raise UsageError(one_line(f"{where}: is not UTF-8 text")) from None
    if len(encoded) > LARGEST:
        raise UsageError(one_line(f"{where}: the value is longer than {LARGEST // 1024} KiB"))
    try:
        return _parsed(text, where)
    except UsageError as error:
        reason = str(error).partition("not valid YAML: ")[2]
        raise UsageError(one_line(f"{where}: the value is not valid YAML: {reason}")) from error
