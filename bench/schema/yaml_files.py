"""Finding the YAML files of protocols and tables: built-in or from packages named by entry points.

Kept apart from their validation, so that `list` needs nothing but a YAML reader (bench/schema/bounded_yaml.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from bench.base.entry_points import offered
from bench.base.errors import BenchError


def _folders(built_in: str, group: str) -> Iterator[tuple[str, Traversable]]:
    yield "built-in", files("protocols").joinpath(built_in)
    for point in offered(group):
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


def own_protocol_files(folder: Path | None) -> dict[str, Path]:
    """The protocol files in a folder of the user's, by stem; names of the user's hide no other protocol's.

    Args:
        folder: the one in the home; need not exist. None: there is none.
    """
    if folder is None:
        return {}
    names = {path.name.removesuffix(".yaml"): path for path in sorted(folder.glob("*.yaml"))}
    return {stem: path for stem, path in names.items() if stem.partition("@")[0] not in protocol_files()}
