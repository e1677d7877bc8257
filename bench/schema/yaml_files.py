"""Finding and reading the YAML of protocols and tables: built-in or from packages named by entry points.

Kept apart from their validation, so that `list` needs nothing but a YAML reader.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from bench.base.errors import BenchError, UsageError

# libyaml's reader where PyYAML was built with it: `list` reads every file, and Python's takes ten times as long
_Fast: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _once(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    """A mapping; PyYAML keeps the last of two equal keys and says nothing."""
    seen: set[Any] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"key '{key.value}' is given twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


class _FastLoader(_Fast):
    pass


class _Loader(yaml.SafeLoader):
    pass


for _kind in (_FastLoader, _Loader):
    _kind.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _once)


def _folders(built_in: str, group: str) -> Iterator[tuple[str, Traversable]]:
    yield "built-in", files("protocols").joinpath(built_in)
    for point in sorted(entry_points(group=group), key=lambda p: p.name):
        origin = f"{point.dist.name} {point.dist.version}" if point.dist else point.name
        try:
            yield origin, files(point.module)
        except (ImportError, TypeError) as error:
            raise BenchError(
                f"entry point {point.name} of {origin}: package {point.module} cannot be read: {error}; uninstall it"
            ) from error


def _yaml_files(kind: str, built_in: str, group: str) -> dict[str, Traversable]:
    by_stem: dict[str, Traversable] = {}
    for origin, folder in _folders(built_in, group):
        for entry in sorted(folder.iterdir(), key=lambda e: e.name):
            if entry.name.endswith(".yaml"):
                name = entry.name.removesuffix(".yaml")
                if name in by_stem:
                    raise BenchError(f"two {kind} files are named {entry.name}, one of them from {origin}; rename one")
                by_stem[name] = entry
    return by_stem


@lru_cache(maxsize=1)
def protocol_files() -> dict[str, Traversable]:
    """Every protocol file by its stem: `NAME` (the newest version) or `NAME@V` (older ones)."""
    return _yaml_files("protocol", "", "contrastbench.protocols")


@lru_cache(maxsize=1)
def table_files() -> dict[str, Traversable]:
    """Every table file by its stem; `src-hdce-main` holds the table `src-hdce/main`."""
    return _yaml_files("table", "tables", "contrastbench.tables")


def _parse(text: str) -> Any:
    try:
        return yaml.load(text, Loader=_FastLoader)
    except yaml.YAMLError:
        return yaml.load(text, Loader=_Loader)  # Python's reader fails too, and names the line where the mistake is


def read_yaml(path: Traversable) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        UsageError: naming the file and the line.
    """
    try:
        content = _parse(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or str(error).split("\n")[0]
        raise UsageError(f"{path.name}{where}: not valid YAML: {reason}") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path.name}: is not UTF-8 text (byte {error.start})") from error
    except RecursionError as error:
        raise UsageError(f"{path.name}: an alias holds itself; write it out") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path.name}: must hold a mapping of keys to values")
    return content
