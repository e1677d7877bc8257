"""What `list` shows: every plugin's name and one line, read without importing any plugin."""

from __future__ import annotations

from typing import Any

KINDS = ("methods", "losses", "metrics", "protocols", "tables", "executors")


def catalogue(kinds: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Name, title, origin (and task, citation where there are) of everything of the given kinds."""
    return {kind: _entries(kind) for kind in kinds}


def _entries(kind: str) -> list[dict[str, Any]]:
    if kind == "protocols":
        from bench.schema.yaml_files import protocol_files, read_yaml

        contents = [read_yaml(path) for name, path in sorted(protocol_files().items()) if "@" not in name]
        return [{"name": f"{c.get('name')}@{c.get('version')}", "title": c.get("title", "")} for c in contents]
    if kind == "tables":
        from bench.schema.yaml_files import read_yaml, table_files

        contents = [read_yaml(path) for _, path in sorted(table_files().items())]
        return [{"name": c.get("name"), "title": c.get("title", "")} for c in contents]
    from bench.plugin.discovery import plugins

    found = []
    for name, plugin in sorted(plugins("loss" if kind == "losses" else kind.removesuffix("s")).items()):
        literals = plugin.literals
        entry = {"name": name, "title": literals.get("__doc__", ""), "origin": plugin.origin}
        entry |= {key: literals[key] for key in ("task", "citation", "description") if key in literals}
        found.append(entry)
    return found
