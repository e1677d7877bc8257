"""The verb `cancel`: runs that wait or run, here or in a scheduler's queue."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.cli.options import DATA, HOME, DataOption, HomeOption, example

app = typer.Typer()


@app.command(epilog=example("cancel cut-3abaf1c2d4e5f607"))
def cancel(
    keys: Annotated[
        list[str] | None,
        typer.Argument(help="runs: keys, beginnings of keys, or LABEL/NAME/SEED; default: all that wait or run"),
    ] = None,
    home: HomeOption = HOME,
    data: DataOption = DATA,
) -> None:
    """Have runs saved and ended, and take them out of the queue; the command that asked for them goes on later."""
    from bench.base.home import Home
    from bench.commands.cancel import cancel as work

    work(Home.existing(home, data), keys or [])
