"""The verb `ui`: MLflow in the browser."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.base.streams import printable
from bench.cli.options import DATA, HOME, DataOption, HomeOption, TrackingOption, example

app = typer.Typer()


@app.command(epilog=example("ui --port 5001"))
def ui(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="of 127.0.0.1")] = 5000,
    home: HomeOption = HOME,
    data: DataOption = DATA,
    tracking: TrackingOption = None,
) -> None:
    """Browse runs, curves, sample grids and tables in MLflow; what is new appears while it is open."""
    from bench.base.home import Home
    from bench.tracking.address import tracking_uri
    from bench.tracking.server import serve

    results = Home.existing(home, data)
    serve(results, tracking_uri(results, tracking), port, lambda line: print(printable(line), flush=True))
