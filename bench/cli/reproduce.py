"""The verb `reproduce`: whole tables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from bench.base.threads import ONE_THREAD
from bench.cli.options import (
    DATA,
    HOME,
    DataOption,
    DeviceOption,
    ExecutorOption,
    HomeOption,
    JobOption,
    JsonOption,
    KeepOption,
    LabelOption,
    MethodOption,
    PerDeviceOption,
    PerRankOption,
    PrecisionOption,
    RanksOption,
    SaveEveryOption,
    ScaleOption,
    SeedsOption,
    SetOption,
    SlotsOption,
    TrackingOption,
    WaitOption,
    debug,
    example,
    read_settings,
    table_grid,
)

app = typer.Typer()


@app.command(epilog=example("reproduce src-hdce/main --scale smoke"))
def reproduce(
    tables: Annotated[list[str], typer.Argument(help="tables, for example src-hdce/main")],
    scale: ScaleOption = "smoke",
    seeds: SeedsOption = None,
    methods: MethodOption = None,
    sets: SetOption = None,
    label: LabelOption = "",
    home: HomeOption = HOME,
    data: DataOption = DATA,
    device: DeviceOption = None,
    precision: PrecisionOption = None,
    ranks: RanksOption = 1,
    per_rank: PerRankOption = None,
    keep: KeepOption = None,
    save_every: SaveEveryOption = None,
    slots: SlotsOption = None,
    per_device: PerDeviceOption = 1,
    executor: ExecutorOption = "local",
    job: JobOption = None,
    wait: WaitOption = True,
    tracking: TrackingOption = None,
    use_mlflow: Annotated[bool, typer.Option("--mlflow/--no-mlflow", help="show the runs in MLflow meanwhile")] = True,
    official: Annotated[
        Path | None,
        typer.Option(
            "--official",
            help="train nothing, but score authors' own: a folder with ROW/PROTOCOL/, a checkpoint or images in each; "
            "compared with the published numbers and with runs at scale paper",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train, score and tabulate; what is done already is not done again."""
    if official is not None:
        raise typer.Exit(_officials(tables, official, home, data, methods, device, as_json))
    from bench.commands.reproduce import reproduce as work
    from bench.run.executors.executor import load_executor
    from bench.tracking.address import tracking_uri

    place = load_executor(executor)
    grid = table_grid(
        tables, home, data, scale, seeds, methods, sets, device, keep, save_every, precision, ranks, per_rank, label
    )
    mlflow = tracking_uri(grid.home, tracking) if use_mlflow else None
    runner = place(grid.home, slots, per_device, debug(), read_settings(job, "--job"))
    raise typer.Exit(work(grid, runner, as_json=as_json, mlflow=mlflow, wait=wait))


def _officials(
    tables: list[str],
    folder: Path,
    home: Path,
    data: Path,
    methods: list[str] | None,
    device: str | None,
    as_json: bool,
) -> int:
    """`--official`: the grid is that of the published scale, whose runs alone may stand beside theirs."""
    os.environ.update(ONE_THREAD)  # before numpy is imported: how many threads it has changes digits
    from bench.base.home import expanded
    from bench.commands.officials import reproduce_officials

    grid = table_grid(tables, home, data, "paper", None, methods, None, device)
    return reproduce_officials(grid, expanded(folder), as_json)
