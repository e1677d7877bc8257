"""The verb `sync`: what MLflow does not show yet."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.cli.options import DATA, HOME, DataOption, HomeOption, JsonOption, TrackingOption, example

app = typer.Typer()


@app.command(epilog=example("sync --tracking-uri http://localhost:5000"))
def sync(
    follow: Annotated[bool, typer.Option("--follow", help="go on until Ctrl-C")] = False,
    home: HomeOption = HOME,
    data: DataOption = DATA,
    tracking: TrackingOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show in MLflow what it does not show yet; the run folders stay the source of truth."""
    from bench.base.home import Home
    from bench.tracking.address import tracking_uri
    from bench.tracking.follow import sync as work

    results = Home.existing(home, data)
    if work(results, tracking_uri(results, tracking), follow, as_json):
        raise typer.Exit(1)
