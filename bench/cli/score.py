"""The verb `score`: images or checkpoints that exist already."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.base.errors import BenchError, UsageError
from bench.base.threads import ONE_THREAD
from bench.cli.options import (
    DATA,
    HOME,
    DataOption,
    DeviceOption,
    HomeOption,
    JsonOption,
    MetricFilesOption,
    SetOption,
    debug,
    example,
    read_settings,
)

if TYPE_CHECKING:
    from bench.base.device import DeviceType
    from bench.base.home import Home
    from bench.schema.protocol import Protocol

app = typer.Typer()


@app.command(epilog=example("score --protocol horse2zebra --method cut --weights latest_net_G.pth"))
def score(
    protocol: Annotated[str, typer.Option("--protocol", help="whose test set and metrics are used")],
    images: Annotated[
        Path | None, typer.Option("--images", help="a folder of translated test images, named after their inputs")
    ] = None,
    pattern: Annotated[
        str | None, typer.Option("--pattern", help="which files of the folder are meant, for example '*_fake_B.png'")
    ] = None,
    method: Annotated[str | None, typer.Option("--method", help="or a method, with --weights")] = None,
    weights: Annotated[
        Path | None, typer.Option("--weights", help="a generator's checkpoint of CUT's or CycleGAN's code")
    ] = None,
    sets: SetOption = None,
    metrics: MetricFilesOption = None,
    train_segmenter: Annotated[
        bool, typer.Option("--train-segmenter", help="first train the protocol's segmentation network, if need be")
    ] = False,
    device: DeviceOption = None,
    home: HomeOption = HOME,
    data: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """Score images made by any program, or an official checkpoint; nothing is trained unless you say so."""
    os.environ.update(ONE_THREAD)  # before numpy is imported: how many threads it has changes digits
    from rich.progress import Progress

    from bench.base.device import chosen_device
    from bench.base.home import Home, expanded
    from bench.base.terminal import Terminal
    from bench.commands.score import score_images, score_weights
    from bench.commands.scored import print_scored
    from bench.plugin.named import name_file
    from bench.schema.protocol import load_protocol

    if (images is None) == (weights is None) or (weights is None) != (method is None):
        raise UsageError("say what to score: --images DIR, or --method NAME with --weights FILE")
    for metric in metrics or []:
        name_file(metric)
    if pattern is not None and images is None:
        raise UsageError("--pattern goes with --images; a checkpoint translates the whole test set")
    asked, computing = load_protocol(protocol, Home.at(home, data).protocols), chosen_device(device)
    results = Home.open(home, data)
    if train_segmenter:
        _train_segmenter(asked, results, computing)
    if images is not None:
        if sets:
            raise UsageError("--set goes with --weights; images are scored as they are")
        scored = score_images(asked, expanded(images), results, computing, pattern)
    else:
        with Progress(console=Terminal(stderr=True), transient=True) as bar:
            task = bar.add_task("translating the test images")
            scored = score_weights(
                asked, str(method), expanded(Path(str(weights))), read_settings(sets), results,
                lambda done, total: bar.update(task, completed=done, total=total), computing,
            )  # fmt: skip
    if as_json:
        print(json.dumps(scored.model_dump(mode="json"), indent=1))
    else:
        print_scored(scored, Terminal())
    if any(one.state == "failed" for one in scored.scores):
        raise typer.Exit(1)


def _train_segmenter(protocol: Protocol, home: Home, device: DeviceType) -> None:
    """Do what is left of the run of a protocol's segmentation network."""
    from bench.base.terminal import Terminal
    from bench.commands.execution import Execution
    from bench.commands.score import segmenter_grid
    from bench.run.executors.executor import load_executor

    grid, key = segmenter_grid(protocol, home, device)
    if key is None:
        raise UsageError(f"--train-segmenter: protocol {protocol.id} has no segmentation network; leave the option out")
    work = Execution(grid, load_executor("local")(home, debug=debug()), Terminal(stderr=True), mlflow=None)
    for key, outcome in (work.run() if work.todo else {}).items():
        if outcome.state != "done":
            raise BenchError(f"segmentation network {key} {outcome.state}: {outcome.reason}")
