"""The verb `run`: one planned run."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.cli.options import (
    DATA,
    HOME,
    DataOption,
    DeviceOption,
    HomeOption,
    KeepOption,
    LossFileOption,
    MethodFileOption,
    MetricFilesOption,
    SaveEveryOption,
    debug,
    example,
    users_files,
)

app = typer.Typer()


@app.command(epilog=example("run cut-3abaf1c2d4e5f607"))
def run(
    key: Annotated[str, typer.Argument(help="a planned run: its key, a beginning of it, or LABEL/NAME/SEED")],
    loss: LossFileOption = None,
    method: MethodFileOption = None,
    metrics: MetricFilesOption = None,
    device: DeviceOption = None,
    keep: KeepOption = None,
    save_every: SaveEveryOption = None,
    home: HomeOption = HOME,
    data: DataOption = DATA,
) -> None:
    """Do one planned run, as a scheduler's job does. Status 3: not possible here and now, try again later."""
    from bench.base.home import Home
    from bench.commands.run import run as work
    from bench.schema.upkeep import Upkeep

    files = users_files(loss=loss, method=method)
    results, upkeep = Home.existing(home, data), Upkeep.of_options(keep, save_every)
    if not work(results, key, files, device, debug(), upkeep, metrics or []):
        raise typer.Exit(1)
