"""The verb `translate`: a finished run on images of one's own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from bench.base.errors import UsageError
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

if TYPE_CHECKING:
    from bench.tasks.wishes import Direction

app = typer.Typer()


@app.command(epilog=example("translate cut-3aba --images photos --out made"))
def translate(
    run: RunArgument,
    out: Annotated[Path, typer.Option("--out", help="the folder that images are written to, named after their inputs")],
    images: Annotated[
        Path | None,
        typer.Option("--images", help="a folder of images, or one image; for runs that make images of images"),
    ] = None,
    count: Annotated[
        int | None, typer.Option("--count", min=1, help="how many images; for runs that make them of noise")
    ] = None,
    checkpoint: CheckpointOption = "last",
    size: Annotated[
        str,
        typer.Option("--size", help="test (as the protocol's test images), keep (each its own), or N (N x N pixels)"),
    ] = "test",
    styles: Annotated[
        int | None,
        typer.Option("--styles", min=1, help="images of each input, in different styles, if the method has some"),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="of styles and noise; 0: as the run's own samples")] = 0,
    direction: Annotated[
        str, typer.Option("--direction", help="AtoB or BtoA, if the method translates both ways")
    ] = "AtoB",
    loss: LossFileOption = None,
    method: MethodFileOption = None,
    metrics: MetricFilesOption = None,
    device: Annotated[
        str | None, typer.Option("--device", help="cpu, cuda or auto; default: what the run was trained on")
    ] = None,
    home: HomeOption = HOME,
    data: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """Make images with a finished run: of images of yours, or of noise. The same command again makes what is missing."""
    os.environ.update(ONE_THREAD)  # before numpy is imported: how many threads it has changes digits
    from rich.progress import Progress

    from bench.base.home import Home, expanded
    from bench.base.terminal import Terminal
    from bench.commands.trained import Finished
    from bench.commands.translate import print_made
    from bench.commands.translate import translate as work
    from bench.tasks.wishes import Wishes

    wishes = Wishes(count=count, styles=styles, seed=seed, size=_size(size), direction=_direction(direction))
    results = Home.existing(home, data)
    finished = Finished.find(results, run, users_files(loss=loss, method=method), metrics or [])
    with Progress(console=Terminal(stderr=True), transient=True) as bar:
        shown = bar.add_task("making images", total=None)
        made = work(
            results, finished, None if images is None else expanded(images), expanded(out), wishes, checkpoint, device,
            lambda done, total: bar.update(shown, completed=done, total=total),
        )  # fmt: skip
    print(made.model_dump_json(indent=1)) if as_json else print_made(made)


def _size(text: str) -> int | Literal["test", "keep"]:
    if text in ("test", "keep"):
        return cast(Literal["test", "keep"], text)
    if text.isascii() and text.isdigit() and 0 < int(text) < 1 << 16:
        return int(text)
    raise UsageError(f"--size {text}: write test, keep, or a side in pixels, for example --size 512")


def _direction(text: str) -> Direction:
    if text in ("AtoB", "BtoA"):
        return cast("Direction", text)
    raise UsageError(f"--direction {text}: write AtoB or BtoA")
