"""The verb `info`: one thing explained."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from bench.cli.options import HOME, HomeOption, JsonOption, as_text, example

app = typer.Typer()


@app.command(epilog=example("info cut"))
def info(
    name: Annotated[str, typer.Argument(help="a method, loss, metric, protocol or table")],
    home: HomeOption = HOME,
    as_json: JsonOption = False,
) -> None:
    """Explain one method, loss, metric, protocol or table."""
    from bench.base.home import Home
    from bench.commands.info import describe

    description = describe(name, Home.at(home, home).protocols)
    print(json.dumps(description, indent=1, default=str) if as_json else as_text(description))
