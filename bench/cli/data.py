"""The verbs below `contrastbench data`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bench.base.home import expanded
from bench.base.streams import one_line
from bench.cli.options import DATA, HOME, DataOption, HomeOption, JsonOption, as_text, example

app = typer.Typer(help="Get the data sets, check them and look at them.", no_args_is_help=True)


@app.command("list", epilog=example("data list"))
def data_list(home: HomeOption = HOME, data: DataOption = DATA, as_json: JsonOption = False) -> None:
    """Show every data set: whether it is here, how many images, how to get it."""
    from bench.data.verbs import data_rows, print_data

    rows = data_rows(expanded(home).absolute() / "cache", expanded(data).absolute())
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


@app.command("verify", epilog=example("data verify earth-relief2sat"))
def data_verify(
    name: Annotated[str, typer.Argument(help="a protocol, whose data set is meant")],
    home: HomeOption = HOME,
    data: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """Decode every image and label map; list all problems, counts and the fingerprint of the pixels."""
    from bench.commands.label_rules import label_rules
    from bench.data.verbs import verify
    from bench.schema.protocol import load_protocol

    protocol = load_protocol(name)
    cache = expanded(home).absolute() / "cache"
    verified = verify(protocol.data, expanded(data).absolute(), cache, label_rules(protocol))
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
    from bench.data.verbs import sheet
    from bench.schema.protocol import load_protocol

    protocol = load_protocol(name)
    root = expanded(home)
    path = expanded(output) if output else root / "sheets" / f"{protocol.name}.png"
    sheet(protocol.data, expanded(data).absolute(), root.absolute() / "cache", path)
    print(one_line(str(path)))
