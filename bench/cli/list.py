"""The verb `list`: what exists."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from bench.base.streams import printable
from bench.cli.options import HOME, HomeOption, JsonOption, example

app = typer.Typer()


@app.command("list", epilog=example("list methods"))
def list_(
    kind: Annotated[
        str, typer.Argument(help="methods, losses, metrics, protocols, tables, executors; default: all")
    ] = "",
    home: HomeOption = HOME,
    as_json: JsonOption = False,
) -> None:
    """Show what exists."""
    from bench.base.errors import unknown_name
    from bench.base.home import Home
    from bench.commands.list import KINDS, catalogue

    if kind and kind not in KINDS:
        raise unknown_name("kind", kind, KINDS)
    sections = catalogue([kind] if kind else list(KINDS), Home.at(home, home).protocols)
    if as_json:
        print(json.dumps(sections, indent=1))
        return
    width = max(len(entry["name"]) for entries in sections.values() for entry in entries)
    for section, entries in sections.items():
        print(f"{section}:")
        for entry in entries:
            print(printable(f"  {entry['name']:<{width}}  {entry['title']}"))
