"""What `list` shows: every plugin's name and one line, read without importing any plugin."""

from __future__ import annotations

from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

KINDS = ("methods", "losses", "metrics", "protocols", "tables", "executors")


def catalogue(kinds: list[str], own: Path | None = None) -> dict[str, list[dict[str, Any]]]:
    """Name, title, origin (and task and citation, if it has them) of everything of the given kinds.

    Args:
        kinds: of `KINDS`.
        own: the folder of the user's protocols; None: there is none.
    """
    return {kind: _entries(kind, own) for kind in kinds}


def _protocol(path: Traversable) -> dict[str, Any]:
    """One file: a protocol, or several that differ in a parameter."""
    from bench.schema.bounded_yaml import read_yaml
    from bench.schema.parameters import open_title, parameters

    content = read_yaml(path)
    entry = {"name": f"{content.get('name')}@{content.get('version')}", "title": open_title(content, path.name)}
    choices = {name: list(values) for name, values in parameters(content, path.name).items()}
    return entry | ({"parameters": choices} if choices else {})


def _entries(kind: str, own: Path | None) -> list[dict[str, Any]]:
    if kind == "protocols":
        from bench.schema.yaml_files import own_protocol_files, protocol_files

        known: dict[str, Traversable] = {**own_protocol_files(own), **protocol_files()}
        return [_protocol(path) for name, path in sorted(known.items()) if "@" not in name]
    if kind == "tables":
        from bench.schema.bounded_yaml import read_yaml
        from bench.schema.yaml_files import table_files

        contents = [read_yaml(path) for _, path in sorted(table_files().items())]
        return [{"name": c.get("name"), "title": c.get("title", "")} for c in contents]
    from bench.plugin.discovery import plugins

    entries = []
    for name, plugin in sorted(plugins("loss" if kind == "losses" else kind.removesuffix("s")).items()):
        literals = plugin.literals
        entry = {"name": name, "title": literals.get("__doc__", ""), "origin": plugin.origin}
        entry |= {key: literals[key] for key in ("task", "citation", "description") if key in literals}
        entries.append(entry)
    return entries
