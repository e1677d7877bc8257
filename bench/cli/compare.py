"""The verbs that compare: losses and methods with each other, images with a protocol, a run with another run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.base.errors import BenchError, UsageError
from bench.cli.options import (
    DATA,
    HOME,
    DataOption,
    DeviceOption,
    ExecutorOption,
    HomeOption,
    JsonOption,
    PerDeviceOption,
    ScaleOption,
    SetOption,
    SlotsOption,
    TrackingOption,
    debug,
    example,
    read_settings,
)

if TYPE_CHECKING:
    from bench.base.device import DeviceType
    from bench.base.home import Home
    from bench.schema.protocol import Protocol

app = typer.Typer()


@app.command(
    epilog=example(
        "compare --loss examples/focal_nce.py:FocalNCE --against cut,fastcut --protocol earth-land2sat --seeds 3"
    )
)
def compare(
    against: Annotated[str, typer.Option("--against", help="methods to compare with: NAME[,NAME...]")],
    protocol: Annotated[str, typer.Option("--protocol", help="the protocol all are trained and scored under")],
    loss: Annotated[str | None, typer.Option("--loss", help="a patch-wise loss: a name, or FILE.py:Class")] = None,
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
        int, typer.Option("--seeds", min=1, help="seeds of every contender; 5 or more show something")
    ] = 3,
    budget: Annotated[
        str, typer.Option("--budget", help="equal: all train as long as the first; as-published: each its own recipe")
    ] = "equal",
    metrics: Annotated[list[str] | None, typer.Option("--metric", help="compare by this only; may be repeated")] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE, changes a setting of every contender that has it")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="folder below HOME/comparisons")] = None,
    home: HomeOption = HOME,
    data: DataOption = DATA,
    device: DeviceOption = None,
    slots: SlotsOption = None,
    per_device: PerDeviceOption = 1,
    executor: ExecutorOption = "local",
    tracking: TrackingOption = None,
    use_mlflow: Annotated[bool, typer.Option("--mlflow/--no-mlflow", help="show the runs in MLflow meanwhile")] = True,
    as_json: JsonOption = False,
) -> None:
    """Compare one loss or method with others: same data, same draws, paired by seed."""
    from bench.base.device import chosen_device
    from bench.base.home import Home
    from bench.commands.compare import Comparison, default_name, plan_comparison, settle_name
    from bench.commands.compare import compare as work
    from bench.compare.contenders import choose, enter
    from bench.plan.grid import Grid
    from bench.run.executors.executor import load_executor
    from bench.schema.protocol import load_protocol
    from bench.tracking.store import tracking_uri

    asked, place = load_protocol(protocol), load_executor(executor)
    rivals = [rival.strip() for rival in against.split(",") if rival.strip()]
    contenders = choose(loss, method, read_settings(loss_options, "--loss-option"), framework, rivals)
    entrants = enter(contenders, asked, scale, budget, read_settings(sets))
    grid = Grid(Home.open(home, data), chosen_device(device))
    folder = name or default_name(entrants, asked.name, scale, budget)
    comparison = plan_comparison(Comparison(folder, scale, budget, entrants, grid, metrics or []), seeds)
    settle_name(comparison, chosen=name is not None)
    mlflow = tracking_uri(grid.home, tracking) if use_mlflow else None
    if work(comparison, place(grid.home, slots, per_device, debug()), as_json=as_json, mlflow=mlflow):
        raise typer.Exit(1)


@app.command(epilog=example("score --protocol horse2zebra --method cut --weights latest_net_G.pth"))
def score(
    protocol: Annotated[str, typer.Option("--protocol", help="whose test set and metrics are used")],
    images: Annotated[
        Path | None, typer.Option("--images", help="a folder of translated test images, named after their inputs")
    ] = None,
    method: Annotated[str | None, typer.Option("--method", help="or a method, with --weights")] = None,
    weights: Annotated[
        Path | None, typer.Option("--weights", help="a generator's checkpoint of CUT's or CycleGAN's code")
    ] = None,
    sets: SetOption = None,
    train_segmenter: Annotated[
        bool, typer.Option("--train-segmenter", help="first train the protocol's segmentation network, if need be")
    ] = False,
    device: DeviceOption = None,
    home: HomeOption = HOME,
    data: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """Score images made by any program, or an official checkpoint; nothing is trained unless you say so."""
    from rich.console import Console
    from rich.progress import Progress

    from bench.base.device import chosen_device
    from bench.base.home import Home
    from bench.commands.score import print_scored, score_images, score_weights
    from bench.schema.protocol import load_protocol

    if (images is None) == (weights is None) or (weights is None) != (method is None):
        raise UsageError("say what to score: --images DIR, or --method NAME with --weights FILE")
    results, asked, computing = Home.open(home, data), load_protocol(protocol), chosen_device(device)
    if train_segmenter:
        _train_segmenter(asked, results, computing)
    if images is not None:
        if sets:
            raise UsageError("--set goes with --weights; images are scored as they are")
        found = score_images(asked, images.expanduser(), results, computing)
    else:
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("translating the test images")
            found = score_weights(
                asked, str(method), Path(str(weights)).expanduser(), read_settings(sets), results,
                lambda done, total: bar.update(task, completed=done, total=total), computing,
            )  # fmt: skip
    if as_json:
        print(found.model_dump_json(indent=1))
    else:
        print_scored(found, Console())
    if any(one.state == "failed" for one in found.scores):
        raise typer.Exit(1)


def _train_segmenter(protocol: Protocol, home: Home, device: DeviceType) -> None:
    """Do what is left of the run of a protocol's segmentation network."""
    from rich.console import Console

    from bench.commands.execution import CarryOut
    from bench.commands.score import segmenter_grid
    from bench.run.executors.executor import load_executor

    grid, key = segmenter_grid(protocol, home, device)
    if key is None:
        raise UsageError(f"--train-segmenter: protocol {protocol.id} has no segmentation network; leave the option out")
    work = CarryOut(grid, load_executor("local")(home, debug=debug()), Console(stderr=True), mlflow=None)
    for key, outcome in (work.run() if work.todo else {}).items():
        if outcome.state != "done":
            raise BenchError(f"segmentation network {key} {outcome.state}: {outcome.reason}")


@app.command(epilog=example("diff cut-3aba cut-feda"))
def diff(
    first: Annotated[str, typer.Argument(help="a run: its key, a beginning of it, or its folder")],
    second: Annotated[str, typer.Argument(help="another run")],
    home: HomeOption = HOME,
    data: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """Put two runs side by side: configuration, data, code, versions and scores."""
    from bench.base.home import Home
    from bench.ledger.difference import difference, find_run, print_difference

    results = Home(home.expanduser().absolute(), data.expanduser().absolute())
    found = difference(find_run(results, first), find_run(results, second))
    print(json.dumps(found, indent=1)) if as_json else print_difference(found)


@app.command(epilog=example("rerun cut-3aba"))
def rerun(
    run: Annotated[str, typer.Argument(help="a finished run: its key, a beginning of it, or its folder")],
    executor: ExecutorOption = "local",
    home: HomeOption = HOME,
    data: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """Run once more from the record, and say whether weights, losses and scores are the same to the bit."""
    from bench.base.home import Home
    from bench.commands.rerun import print_rerun
    from bench.commands.rerun import rerun as work
    from bench.ledger.difference import find_run

    results = Home.open(home, data)
    found = work(results, find_run(results, run), debug=debug(), quiet=as_json, executor=executor)
    print(json.dumps(found, indent=1)) if as_json else print_rerun(found)
    if not found["identical"]:
        raise typer.Exit(1)
