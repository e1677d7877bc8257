"""The verbs below `contrastbench data`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bench.base.home import expanded
from bench.base.streams import one_line
from bench.cli.options import (
    DATA,
    HOME,
    DataOption,
    DeviceOption,
    DomainsOption,
    HomeOption,
    JsonOption,
    LayoutOption,
    as_text,
    example,
)

app = typer.Typer(help="Get the data sets, check them and look at them.", no_args_is_help=True)


@app.command("list", epilog=example("data list"))
def data_list(home: HomeOption = HOME, data: DataOption = DATA, as_json: JsonOption = False) -> None:
    """Show every data set: whether it is here, how many images, how to get it."""
    from bench.base.home import Home
    from bench.data.verbs import data_rows, print_data

    place = Home.at(home, data)
    rows = data_rows(place.cache, place.datasets, place.protocols)
    print(json.dumps([row.model_dump() for row in rows], indent=1)) if as_json else print_data(rows)


@app.command("prepare", epilog=example("data prepare horse2zebra"))
def data_prepare(
    name: Annotated[str, typer.Argument(help="a data set, for example horse2zebra, cityscapes or cat2dog")],
    archives: Annotated[
        list[Path] | None,
        typer.Option("--from", help="an archive you have already; repeated where there are several; two pictures"),
    ] = None,
    url: Annotated[str | None, typer.Option("--url", help="download from here instead of the owner's address")] = None,
    label_filter: Annotated[
        str | None, typer.Option("--label-filter", help="cityscapes label maps: nearest (default) or bicubic")
    ] = None,
    photo_filter: Annotated[
        str | None, typer.Option("--photo-filter", help="cityscapes photographs: nearest (default) or bicubic")
    ] = None,
    data: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """Download or take a data set's archives (for single-image: two pictures), check them, put the images under --data.

    Filters: the script that made cityscapes left the filter to Pillow, which took nearest pixels then (before 7.0)
    and interpolates bicubically now, blending label colours.
    """
    from bench.data.prepare import prepare
    from bench.data.prepared import print_prepared

    prepared = prepare(
        name,
        expanded(data).absolute(),
        archives=[expanded(archive) for archive in archives or []],
        url=url,
        label_filter=label_filter,
        photo_filter=photo_filter,
    )
    print(prepared.model_dump_json(indent=1, by_alias=True)) if as_json else print_prepared(prepared)


@app.command("use", epilog=example("data use pictures/leaves --name leaves"))
def data_use(
    folder: Annotated[Path, typer.Argument(help="the folder that holds your images, in any of the usual layouts")],
    name: Annotated[str | None, typer.Option("--name", help="of the protocol; default: after the folder")] = None,
    layout: LayoutOption = None,
    domains: DomainsOption = None,
    task: Annotated[
        str | None, typer.Option("--task", help="what is done with them; default: as --method, else as they look")
    ] = None,
    method: Annotated[str | None, typer.Option("--method", help="the method that will train")] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="time a few of its steps, so that mini takes a quarter of an hour")
    ] = False,
    device: DeviceOption = None,
    home: HomeOption = HOME,
    data: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """Write a protocol for images of your own, which stay where they are."""
    from bench.base.device import chosen_device
    from bench.base.errors import UsageError
    from bench.base.home import Home
    from bench.base.terminal import Terminal
    from bench.base.words import say
    from bench.commands.own_images import OwnImages, Use, task_for

    images = OwnImages.of_options(folder, layout, domains)
    assert images is not None  # the folder is given
    if calibrate and method is None:
        raise UsageError("--calibrate: needs the --method whose steps are timed")
    console = Terminal(stderr=as_json)

    def tell(line: str) -> None:
        say(console, line)

    chosen = task_for(images, task, method, tell)
    place = Home.open(home, data)
    protocol = Use(place, images, chosen, chosen_device(device), tell, method, calibrate).protocol(name)
    if as_json:
        print(protocol.model_dump_json(indent=1))


@app.command("verify", epilog=example("data verify earth-relief2sat"))
def data_verify(
    name: Annotated[str, typer.Argument(help="a protocol, whose data set is meant")],
    home: HomeOption = HOME,
    data: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """Decode every image and label map; list all problems, counts and the fingerprint of the pixels."""
    from bench.base.home import Home
    from bench.commands.label_rules import label_rules
    from bench.data.verbs import verify
    from bench.schema.protocol import load_protocol

    place = Home.at(home, data)
    protocol = load_protocol(name, place.protocols)
    verified = verify(protocol.data, place.datasets, place.cache, label_rules(protocol))
    print(verified.model_dump_json(indent=1) if as_json else as_text(verified.model_dump()))
    if verified.problems:
        raise typer.Exit(1)


@app.command("sheet", epilog=example("data sheet earth-relief2sat"))
def data_sheet(
    name: Annotated[str, typer.Argument(help="a protocol, whose data set is meant")],
    output: Annotated[Path | None, typer.Option("--output", help="PNG file; default: HOME/sheets/NAME.png")] = None,
    home: HomeOption = HOME,
    data: DataOption = DATA,
) -> None:
    """Write a contact sheet of the data, to look at."""
    from bench.base.home import Home
    from bench.data.verbs import sheet
    from bench.schema.protocol import load_protocol

    place = Home.at(home, data)
    protocol = load_protocol(name, place.protocols)
    path = expanded(output) if output else expanded(home) / "sheets" / f"{protocol.name}.png"
    sheet(protocol.data, place.datasets, place.cache, path)
    print(one_line(str(path)))
