"""The verb `status`: every run of a home."""

from __future__ import annotations

import json

import typer

from bench.base.errors import UsageError
from bench.cli.options import DATA, HOME, DataOption, HomeOption, JsonOption, as_json_record, example

app = typer.Typer()


@app.command(epilog=example("status"))
def status(home: HomeOption = HOME, data: DataOption = DATA, as_json: JsonOption = False) -> None:
    """Show every run: what is done, running, failed or left."""
    from bench.base.home import Home, expanded
    from bench.commands.status import is_shown_in_full, print_status, status_rows

    if expanded(home).exists() and not expanded(home).is_dir():
        raise UsageError(f"--home {home}: is not a folder; give the one that holds the runs")
    rows = status_rows(Home(expanded(home).absolute(), expanded(data).absolute()))
    if as_json:
        print(json.dumps(rows, indent=1, default=as_json_record))
    else:
        print_status(rows, home)
    if not is_shown_in_full(rows):
        raise typer.Exit(1)
