"""The verb `compare`: losses and methods with each other."""

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
    LabelOption,
    LayoutOption,
    PerDeviceOption,
    PerRankOption,
    PrecisionOption,
    ProtocolOption,
    RanksOption,
    SaveEveryOption,
    ScaleOption,
    SlotsOption,
    TrackingOption,
    WaitOption,
    checked_label,
    debug,
    example,
    read_settings,
)

app = typer.Typer()


@app.command(
    epilog=example(
        "compare --loss examples/focal_nce.py:FocalNCE --against cut,fastcut --protocol earth-land2sat --seeds 3"
    )
)
def compare(
    against: Annotated[
        str,
        typer.Option("--against", help="methods to compare with: NAME[,NAME...], each with {KEY=VALUE,...} if need be"),
    ],
    protocol: ProtocolOption = None,
    images: ImagesOption = None,
    layout: LayoutOption = None,
    domains: DomainsOption = None,
    losses: Annotated[
        list[str] | None,
        typer.Option(
            "--loss", help="a patch-wise loss: a name, FILE.py:Class, or FILE.py:Class{KEY=VALUE,...}; repeat"
        ),
    ] = None,
    method: Annotated[str | None, typer.Option("--method", help="or a whole method: a name, or FILE.py:Class")] = None,
    loss_options: Annotated[
        list[str] | None, typer.Option("--loss-option", help="KEY=VALUE, an option of the loss; may be repeated")
    ] = None,
    framework: Annotated[
        str | None,
        typer.Option("--framework", help="the method in which the loss is tried; default: the host of losses"),
    ] = None,
    scale: ScaleOption = "smoke",
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, max=MOST_SEEDS, help="seeds of every contender; 5 or more show something")
    ] = 3,
    within: Annotated[
        str | None,
        typer.Option(
            "--within", help="instead of --seeds: as many as fit into this time by measured speed, such as 8h"
        ),
    ] = None,
    budget: Annotated[
        str, typer.Option("--budget", help="equal: all train as long as the first; as-published: each its own recipe")
    ] = "equal",
    metrics: Annotated[list[str] | None, typer.Option("--metric", help="compare by this only; may be repeated")] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE, changes a setting of every contender that has it")
    ] = None,
    sweeps: Annotated[
        list[str] | None,
        typer.Option(
            "--sweep", help="KEY=VALUE,VALUE,...: every contender tries each, the best on validation images is compared"
        ),
    ] = None,
    difference: Annotated[
        float | None,
        typer.Option("--difference", help="the smallest difference that matters: how many seeds would show it"),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="folder below HOME/comparisons")] = None,
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
    as_json: JsonOption = False,
) -> None:
    """Compare one loss or method with others: same data, same draws, paired by seed."""
    from bench.base.device import chosen_device
    from bench.base.errors import UsageError
    from bench.base.home import Home
    from bench.base.precision import chosen_precision
    from bench.base.ranks import chosen_ranks
    from bench.base.terminal import Terminal
    from bench.base.words import say
    from bench.commands.compare import Comparison, default_name, plan_comparison, seeds_that_fit, settle_name
    from bench.commands.compare import compare as work
    from bench.commands.own_images import OwnImages, asked_protocol
    from bench.compare.contenders import choose, enter
    from bench.compare.sweep import read_sweep
    from bench.compare.within import read_duration
    from bench.plan.grid import Grid
    from bench.plugin.named import name_file
    from bench.run.executors.executor import load_executor
    from bench.schema.upkeep import Upkeep
    from bench.schema.variant import split_outside
    from bench.tracking.address import tracking_uri

    for metric in metrics or []:
        name_file(metric)
    if difference is not None and not difference > 0:
        raise UsageError(f"--difference {difference}: must be above 0, in the unit of the protocol's selecting metric")
    place, own = load_executor(executor), OwnImages.of_options(images, layout, domains)
    contenders = choose(losses, method, read_settings(loss_options, "--loss-option"), framework, split_outside(against))
    kind, upkeep = chosen_device(device), Upkeep.of_options(keep, save_every)
    console, first = Terminal(stderr=as_json), contenders[0].method
    asked = asked_protocol(Home.at(home, data), protocol, own, first, scale, kind, lambda line: say(console, line))
    entrants = enter(contenders, asked, scale, budget, read_settings(sets), read_sweep(sweeps))
    arithmetic, together = chosen_precision(precision, kind), chosen_ranks(ranks, per_rank or ())
    grid = Grid(Home.open(home, data), kind, upkeep, arithmetic, together, checked_label(label))
    runner = place(grid.home, slots, per_device, debug(), read_settings(job, "--job"))
    folder = name or default_name(entrants, asked.name, scale, budget)
    comparison = Comparison(folder, scale, budget, entrants, grid, metrics or [], difference)
    if within is not None:
        seeds = seeds_that_fit(comparison, read_duration(within), runner)
    plan_comparison(comparison, seeds)
    settle_name(comparison, chosen=name is not None)
    mlflow = tracking_uri(grid.home, tracking) if use_mlflow else None
    if work(comparison, runner, as_json=as_json, mlflow=mlflow, wait=wait):
        raise typer.Exit(1)
