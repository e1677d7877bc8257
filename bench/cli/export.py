"""The verb `export`: a finished run's weights for other programs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from bench.base.threads import ONE_THREAD
from bench.cli.options import (
    DATA,
    HOME,
    CheckpointOption,
    DataOption,
    HomeOption,
    JsonOption,
    LossFileOption,
    MethodFileOption,
    MetricFilesOption,
    RunArgument,
    example,
    users_files,
)

app = typer.Typer()


@app.command(epilog=example("export cut-3aba --out latest_net_G.pth"))
def export(
    run: RunArgument,
    out: Annotated[Path, typer.Option("--out", help="the file, or a folder for it; a JSON card is written beside it")],
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="pth (the original program's layout), safetensors, torchscript or onnx; default: as the file is named "
            "(.pth, .safetensors, .pt, .onnx)",
        ),
    ] = None,
    checkpoint: CheckpointOption = "last",
    loss: LossFileOption = None,
    method: MethodFileOption = None,
    metrics: MetricFilesOption = None,
    home: HomeOption = HOME,
    data: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """Write a finished run's weights for other programs; the file is read back and compared before it is there."""
    os.environ.update(ONE_THREAD)  # before numpy is imported: how many threads it has changes digits
    from bench.base.home import Home, expanded
    from bench.commands.export import chosen_format, print_exported
    from bench.commands.export import export as work
    from bench.commands.trained import Finished

    wanted, results = chosen_format(format, expanded(out)), Home.existing(home, data)
    finished = Finished.find(results, run, users_files(loss=loss, method=method), metrics or [])
    path, card = work(finished, wanted, expanded(out), checkpoint)
    print(card.model_dump_json(indent=1)) if as_json else print_exported(path, card)
