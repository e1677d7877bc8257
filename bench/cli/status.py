"""The verb `status`: every run of a home."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from bench.base.errors import UsageError
from bench.cli.options import DATA, HOME, DataOption, HomeOption, JsonOption, as_json_record, example

app = typer.Typer()


@app.command(epilog=example("status --state failed --label first-try"))
def status(
    methods: Annotated[
        list[str] | None, typer.Option("--method", help="only runs of this method, or called so; may be repeated")
    ] = None,
    protocols: Annotated[
        list[str] | None, typer.Option("--protocol", help="only runs that this protocol asked for; may be repeated")
    ] = None,
    scales: Annotated[list[str] | None, typer.Option("--scale", help="only this scale; may be repeated")] = None,
    states: Annotated[
        list[str] | None, typer.Option("--state", help="only done, failed, 'not run', ...; may be repeated")
    ] = None,
    labels: Annotated[list[str] | None, typer.Option("--label", help="only this label; may be repeated")] = None,
    home: HomeOption = HOME,
    data: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """Show every run: what is done, running, failed or left."""
    from bench.base.home import Home, expanded
    from bench.commands.status import chosen_rows, is_shown_in_full, print_status, status_rows

    if expanded(home).exists() and not expanded(home).is_dir():
        raise UsageError(f"--home {home}: is not a folder; give the one that holds the runs")
    every = status_rows(Home(expanded(home).absolute(), expanded(data).absolute()))
    asked = {"method": methods, "protocol": protocols, "scale": scales, "state": states, "label": labels}
    rows = chosen_rows(every, {what: values for what, values in asked.items() if values})
    if as_json:
        print(json.dumps(rows, indent=1, default=as_json_record))
    else:
        print_status(rows, home, len(every))
    if not is_shown_in_full(rows):
        raise typer.Exit(1)
