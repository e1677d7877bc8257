"""The verb `run`: one planned run."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.cli.options import DATA, HOME, DataOption, DeviceOption, HomeOption, debug, example

app = typer.Typer()


@app.command(epilog=example("run cut-3abaf1c2d4e5f607"))
def run(
    key: Annotated[str, typer.Argument(help="a planned run: its key or a beginning of it")],
    loss: Annotated[
        str | None, typer.Option("--loss", help="FILE.py:Class, where the file of the run's loss is on this machine")
    ] = None,
    method: Annotated[
        str | None, typer.Option("--method", help="FILE.py:Class, where the file of the run's method is")
    ] = None,
    device: DeviceOption = None,
    home: HomeOption = HOME,
    data: DataOption = DATA,
) -> None:
    """Do one planned run, as a scheduler's job does. Status 3: not possible here and now, try again later."""
    from bench.base.home import Home
    from bench.commands.run import run as work

    files = {kind: reference for kind, reference in (("loss", loss), ("method", method)) if reference is not None}
    if not work(Home.existing(home, data), key, files, device, debug()):
        raise typer.Exit(1)
