"""The command line: one verb, a few lines each. Heavy imports happen inside the verbs, so `list` starts at once."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.errors import BenchError, UsageError

app = typer.Typer(
    name="contrastbench",
    help="Reproduce and compare contrastive-learning methods for GANs under fixed, versioned protocols.",
    epilog="Add --debug to any command to see the traceback of an error. To resume anything, run the same command again.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

HomeOption = Annotated[Path, typer.Option("--home", help="where runs, caches and tables are written")]
DataOption = Annotated[Path, typer.Option("--data", help="where folder data sets such as horse2zebra are found")]
JsonOption = Annotated[bool, typer.Option("--json", help="print data instead of text")]
ScaleOption = Annotated[
    str, typer.Option("--scale", help="smoke (seconds a run), mini (minutes) or paper (as published)")
]
SeedsOption = Annotated[int | None, typer.Option("--seeds", min=1, help="seeds per run; default: as the scale says")]
MethodOption = Annotated[list[str] | None, typer.Option("--method", help="only these rows; may be repeated")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE, changes a setting; a deviation")]
HOME, DATA = Path("runs"), Path("datasets")


def _example(text: str) -> str:
    return f"[bold]Example:[/] contrastbench {text}"


@app.command("list", epilog=_example("list methods"))
def list_(
    kind: Annotated[str, typer.Argument(help="methods, losses, metrics, protocols, tables; default: all")] = "",
    as_json: JsonOption = False,
) -> None:
    """Show what exists."""
    from bench.catalogue import KINDS, catalogue
    from bench.errors import unknown_name

    if kind and kind not in KINDS:
        raise unknown_name("kind", kind, KINDS)
    found = catalogue([kind] if kind else list(KINDS))
    if as_json:
        print(json.dumps(found, indent=1))
        return
    width = max(len(entry["name"]) for entries in found.values() for entry in entries)
    for section, entries in found.items():
        print(f"{section}:")
        for entry in entries:
            print(f"  {entry['name']:<{width}}  {entry['title']}")


@app.command(epilog=_example("info cut"))
def info(
    name: Annotated[str, typer.Argument(help="a method, loss, metric, protocol or table")],
    as_json: JsonOption = False,
) -> None:
    """Explain one method, loss, metric, protocol or table."""
    from bench.describe import describe

    found = describe(name)
    print(json.dumps(found, indent=1, default=str) if as_json else _text(found))


def _text(value: dict[str, Any], indent: str = "") -> str:
    lines = []
    for key, item in value.items():
        if isinstance(item, dict):
            lines.append(f"{indent}{key}:")
            lines.append(_text(item, indent + "  "))
        elif isinstance(item, list):
            lines.append(f"{indent}{key}:")
            lines += [f"{indent}  - {entry}" for entry in item]
        else:
            lines.append(f"{indent}{key}: {item}")
    return "\n".join(line for line in lines if line)


def _settings(pairs: list[str] | None) -> dict[str, Any]:
    """Read --set KEY=VALUE; values are YAML, so that numbers, booleans and lists can be written."""
    import yaml

    settings: dict[str, Any] = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"--set {pair}: write KEY=VALUE, for example --set ngf=16")
        try:
            settings[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UsageError(f"--set {pair}: the value is not valid YAML") from error
    return settings


def _grid(
    tables: list[str],
    home: Path,
    data: Path,
    scale: str,
    seeds: int | None,
    methods: list[str] | None,
    sets: list[str] | None,
) -> Any:
    """Build the grid of one or more tables."""
    from bench.errors import unknown_name
    from bench.grid import Grid
    from bench.home import Home
    from bench.plugins import find
    from bench.protocol import SCALES
    from bench.table import load_table

    if scale not in SCALES:
        raise unknown_name("scale", scale, SCALES)
    for method in methods or []:
        find("method", method)
    grid = Grid(Home.open(home, data))
    for name in tables:
        grid.add_table(load_table(name), scale, range(seeds) if seeds else None, methods, _settings(sets))
    return grid


@app.command(epilog=_example("plan src-hdce/main --scale mini"))
def plan(
    tables: Annotated[list[str], typer.Argument(help="tables, for example src-hdce/main")],
    scale: ScaleOption = "smoke",
    seeds: SeedsOption = None,
    methods: MethodOption = None,
    sets: SetOption = None,
    home: HomeOption = HOME,
    data: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """Show what a reproduction would run, what is done already and what stands in its way."""
    from bench.planning import plan_rows, print_plan

    grid = _grid(tables, home, data, scale, seeds, methods, sets)
    rows = plan_rows(grid)
    if as_json:
        print(json.dumps(rows, indent=1))
    else:
        print_plan(grid, rows)


@app.command(epilog=_example("reproduce src-hdce/main --scale smoke"))
def reproduce(
    tables: Annotated[list[str], typer.Argument(help="tables, for example src-hdce/main")],
    scale: ScaleOption = "smoke",
    seeds: SeedsOption = None,
    methods: MethodOption = None,
    sets: SetOption = None,
    home: HomeOption = HOME,
    data: DataOption = DATA,
    slots: Annotated[int | None, typer.Option("--slots", min=1, help="runs at once; default: cores / threads")] = None,
    as_json: JsonOption = False,
) -> None:
    """Train, score and tabulate; what is done already is not done again."""
    from bench.reproduce import reproduce as work

    grid = _grid(tables, home, data, scale, seeds, methods, sets)
    failed = work(grid, slots=slots, as_json=as_json, debug=DEBUG)
    if failed:
        raise typer.Exit(1)


@app.command(epilog=_example("status"))
def status(home: HomeOption = HOME, data: DataOption = DATA, as_json: JsonOption = False) -> None:
    """Show every run: what is done, running, failed or left."""
    from bench.home import Home
    from bench.planning import print_status, status_rows

    rows = status_rows(Home(home.expanduser().absolute(), data.expanduser().absolute()))
    if as_json:
        print(json.dumps(rows, indent=1))
    else:
        print_status(rows, home)


data_app = typer.Typer(help="Look at the data sets.", no_args_is_help=True)
app.add_typer(data_app, name="data")


@data_app.command("list", epilog=_example("data list"))
def data_list(home: HomeOption = HOME, data: DataOption = DATA, as_json: JsonOption = False) -> None:
    """Show every data set: whether it is here, how many images, how to get it."""
    from bench.data.verbs import data_rows, print_data

    rows = data_rows(home.absolute() / "cache", data.absolute())
    print(json.dumps(rows, indent=1)) if as_json else print_data(rows)


@data_app.command("verify", epilog=_example("data verify earth-relief2sat"))
def data_verify(
    name: Annotated[str, typer.Argument(help="a protocol, whose data set is meant")],
    home: HomeOption = HOME,
    data: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """Decode every image; check raw files, counts and the fingerprint of the pixels."""
    from bench.data.verbs import verify
    from bench.protocol import load_protocol

    found = verify(load_protocol(name).data, data.absolute(), home.absolute() / "cache")
    print(json.dumps(found, indent=1, default=str) if as_json else _text(found))


@data_app.command("sheet", epilog=_example("data sheet earth-relief2sat"))
def data_sheet(
    name: Annotated[str, typer.Argument(help="a protocol, whose data set is meant")],
    output: Annotated[Path | None, typer.Option("--output", help="PNG file; default: HOME/sheets/NAME.png")] = None,
    home: HomeOption = HOME,
    data: DataOption = DATA,
) -> None:
    """Write a contact sheet of the data, to look at."""
    from bench.data.verbs import sheet
    from bench.protocol import load_protocol

    protocol = load_protocol(name)
    path = output or home / "sheets" / f"{protocol.name}.png"
    sheet(protocol.data, data.absolute(), home.absolute() / "cache", path)
    print(path)


DEBUG = False


def main() -> None:
    """Run the command line; errors are one line, with status 1 (failed) or 2 (used wrongly)."""
    global DEBUG
    arguments = sys.argv[1:]
    DEBUG = "--debug" in arguments
    try:
        app([argument for argument in arguments if argument != "--debug"], standalone_mode=True)
    except BenchError as error:
        if DEBUG:
            raise
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_status) from None
    except KeyboardInterrupt:
        print("stopped; run the same command to go on", file=sys.stderr)
        raise SystemExit(1) from None
    except MemoryError:
        print("error: out of memory; use fewer slots (--slots 1) or a smaller scale", file=sys.stderr)
        raise SystemExit(1) from None
    except OSError as error:
        if DEBUG:
            raise
        print(f"error: {error.filename or ''}: {error.strerror}; add --debug for details", file=sys.stderr)
        raise SystemExit(1) from None
