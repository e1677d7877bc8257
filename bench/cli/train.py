"""The verb `train`: one method, compared with none."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.cli.options import (
    DATA,
    HOME,
    MOST_SEEDS,
    DataOption,
    DeviceOption,
    DomainsOption,
    ExecutorOption,
    HomeOption,
    ImagesOption,
    JobOption,
    JsonOption,
    KeepOption,
    LayoutOption,
    PerDeviceOption,
    PerRankOption,
    PrecisionOption,
    ProtocolOption,
    RanksOption,
    SaveEveryOption,
    ScaleOption,
    SetOption,
    SlotsOption,
    TrackingOption,
    WaitOption,
    debug,
    example,
    read_settings,
)

app = typer.Typer()


@app.command(epilog=example("train --method cut --images pictures/leaves --scale mini"))
def train(
    method: Annotated[str, typer.Option("--method", help="a method: a name, or FILE.py:Class")],
    protocol: ProtocolOption = None,
    images: ImagesOption = None,
    layout: LayoutOption = None,
    domains: DomainsOption = None,
    scale: ScaleOption = "smoke",
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=MOST_SEEDS, help="how many runs, each with a seed")] = 1,
    sets: SetOption = None,
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
    as_json: JsonOption = False,
) -> None:
    """Train and score one method; what is done already is not done again."""
    from bench.base.device import chosen_device
    from bench.base.home import Home
    from bench.base.precision import chosen_precision
    from bench.base.ranks import chosen_ranks
    from bench.base.terminal import Terminal
    from bench.base.words import say
    from bench.commands.own_images import OwnImages, asked_protocol
    from bench.commands.train import plan_training
    from bench.commands.train import train as work
    from bench.plan.grid import Grid
    from bench.plugin.discovery import load_method
    from bench.run.executors.executor import load_executor
    from bench.schema.upkeep import Upkeep
    from bench.tracking.address import tracking_uri

    load_method(method)
    place, own = load_executor(executor), OwnImages.of_options(images, layout, domains)
    kind, upkeep = chosen_device(device), Upkeep.of_options(keep, save_every)
    arithmetic, together = chosen_precision(precision, kind), chosen_ranks(ranks, per_rank or ())
    console = Terminal(stderr=as_json)
    asked = asked_protocol(Home.at(home, data), protocol, own, method, scale, kind, lambda line: say(console, line))
    grid = Grid(Home.open(home, data), kind, upkeep, arithmetic, together)
    training = plan_training(grid, method, asked, scale, seeds, read_settings(sets))
    mlflow = tracking_uri(grid.home, tracking) if use_mlflow else None
    runner = place(grid.home, slots, per_device, debug(), read_settings(job, "--job"))
    if work(training, runner, as_json=as_json, mlflow=mlflow, wait=wait):
        raise typer.Exit(1)
