"""The command line: one verb, a few lines each. Heavy imports happen inside the verbs, so `list` starts at once."""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.base.errors import BenchError, UsageError
from bench.cli.compare import app as compare_app
from bench.cli.data import data_app
from bench.cli.options import (
    DATA,
    HOME,
    DataOption,
    HomeOption,
    JsonOption,
    MethodOption,
    ScaleOption,
    SeedsOption,
    SetOption,
    TrackingOption,
    as_text,
    debug,
    example,
    read_settings,
)
from bench.cli.report import app as report_app

app = typer.Typer(
    name="contrastbench",
    help="Reproduce and compare contrastive-learning methods for GANs under fixed, versioned protocols.",
    epilog="Add --debug to any command to see the traceback of an error. To resume anything, run the same command again.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.command("list", epilog=example("list methods"))
def list_(
    kind: Annotated[str, typer.Argument(help="methods, losses, metrics, protocols, tables; default: all")] = "",
    as_json: JsonOption = False,
) -> None:
    """Show what exists."""
    from bench.base.errors import unknown_name
    from bench.commands.list import KINDS, catalogue

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


@app.command(epilog=example("info cut"))
def info(
    name: Annotated[str, typer.Argument(help="a method, loss, metric, protocol or table")],
    as_json: JsonOption = False,
) -> None:
    """Explain one method, loss, metric, protocol or table."""
    from bench.commands.info import describe

    found = describe(name)
    print(json.dumps(found, indent=1, default=str) if as_json else as_text(found))


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
    from bench.base.errors import unknown_name
    from bench.base.home import Home
    from bench.plan.grid import Grid
    from bench.plugin.discovery import find
    from bench.schema.protocol import SCALES
    from bench.schema.table import load_table

    if scale not in SCALES:
        raise unknown_name("scale", scale, SCALES)
    for method in methods or []:
        find("method", method)
    grid = Grid(Home.open(home, data))
    for name in tables:
        grid.add_table(load_table(name), scale, range(seeds) if seeds else None, methods, read_settings(sets))
    return grid


@app.command(epilog=example("plan src-hdce/main --scale mini"))
def plan(
    tables: Annotated[list[str], typer.Argument(help="tables, for example src-hdce/main")],
    scale: ScaleOption = "smoke",
    seeds: SeedsOption = None,
    methods: MethodOption = None,
    sets: SetOption = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="time a few steps of each method that no run has timed yet")
    ] = False,
    home: HomeOption = HOME,
    data: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """Show what a reproduction would run and cost, what is done already and what stands in its way."""
    from bench.commands.plan_and_status import plan_rows, print_plan
    from bench.plan.cost_of_plan import totals, waiting_costs

    def say(line: str) -> None:
        print(line, file=sys.stderr)

    grid = _grid(tables, home, data, scale, seeds, methods, sets)
    rows, waiting = plan_rows(grid, calibrate, say), waiting_costs(grid, calibrate, say)
    if as_json:
        print(json.dumps({"runs": rows, "waiting": waiting, "totals": totals(rows, waiting)}, indent=1))
    else:
        print_plan(grid, rows, waiting)


@app.command(epilog=example("reproduce src-hdce/main --scale smoke"))
def reproduce(
    tables: Annotated[list[str], typer.Argument(help="tables, for example src-hdce/main")],
    scale: ScaleOption = "smoke",
    seeds: SeedsOption = None,
    methods: MethodOption = None,
    sets: SetOption = None,
    home: HomeOption = HOME,
    data: DataOption = DATA,
    slots: Annotated[int | None, typer.Option("--slots", min=1, help="runs at once; default: cores / threads")] = None,
    tracking: TrackingOption = None,
    use_mlflow: Annotated[bool, typer.Option("--mlflow/--no-mlflow", help="show the runs in MLflow meanwhile")] = True,
    as_json: JsonOption = False,
) -> None:
    """Train, score and tabulate; what is done already is not done again."""
    from bench.commands.reproduce import reproduce as work
    from bench.tracking.store import tracking_uri

    grid = _grid(tables, home, data, scale, seeds, methods, sets)
    mlflow = tracking_uri(grid.home, tracking) if use_mlflow else None
    failed = work(grid, slots=slots, as_json=as_json, debug=debug(), mlflow=mlflow)
    if failed:
        raise typer.Exit(1)


@app.command(epilog=example("status"))
def status(home: HomeOption = HOME, data: DataOption = DATA, as_json: JsonOption = False) -> None:
    """Show every run: what is done, running, failed or left."""
    from bench.base.home import Home
    from bench.commands.plan_and_status import print_status, status_rows

    if home.expanduser().exists() and not home.expanduser().is_dir():
        raise UsageError(f"--home {home}: is not a folder; give the one that holds the runs")
    rows = status_rows(Home(home.expanduser().absolute(), data.expanduser().absolute()))
    if as_json:
        print(json.dumps(rows, indent=1))
    else:
        print_status(rows, home)


@app.command(epilog=example("ui --port 5001"))
def ui(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="of 127.0.0.1")] = 5000,
    home: HomeOption = HOME,
    data: DataOption = DATA,
    tracking: TrackingOption = None,
) -> None:
    """Browse runs, curves, sample grids and tables in MLflow; what is new appears while it is open."""
    from bench.base.home import Home
    from bench.tracking.server import serve
    from bench.tracking.store import tracking_uri

    results = Home.open(home, data)
    serve(results, tracking_uri(results, tracking), port, lambda line: print(line, flush=True))


@app.command(epilog=example("sync --tracking-uri http://localhost:5000"))
def sync(
    follow: Annotated[bool, typer.Option("--follow", help="go on until Ctrl-C")] = False,
    home: HomeOption = HOME,
    data: DataOption = DATA,
    tracking: TrackingOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show in MLflow what it does not show yet; the run folders stay the source of truth."""
    from bench.base.home import Home
    from bench.tracking.follow import sync as work
    from bench.tracking.store import tracking_uri

    results = Home.open(home, data)
    if work(results, tracking_uri(results, tracking), follow, as_json):
        raise typer.Exit(1)


@app.command(epilog=example("doctor"))
def doctor(
    plugin: Annotated[
        str | None, typer.Option("--plugin", help="check only this method or loss: a name or FILE.py:Class")
    ] = None,
    home: HomeOption = HOME,
    data: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """Check this machine: numbers against stored references, versions, devices, weights and data."""
    from dataclasses import asdict

    from rich.console import Console

    from bench.checks.doctor.examine import examine, show

    examination = examine(home.expanduser().absolute(), data.expanduser().absolute(), plugin)
    findings = list(examination) if as_json else show(examination, Console())
    failed = any(finding.mark == "FAIL" for finding in findings)
    if as_json:
        print(json.dumps({"ok": not failed, "findings": [asdict(finding) for finding in findings]}, indent=1))
    if failed:
        raise typer.Exit(1)


app.registered_commands += compare_app.registered_commands + report_app.registered_commands
app.add_typer(data_app, name="data")

CTRL_C = 130  # the status that typer ends with


def main() -> None:
    """Run the command line; errors are one line, with status 1 (failed) or 2 (used wrongly)."""
    arguments = sys.argv[1:]
    try:
        app([argument for argument in arguments if argument != "--debug"], standalone_mode=True)
    except BenchError as error:
        if debug():
            raise
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_status) from None
    except SystemExit as end:
        if end.code != CTRL_C:
            raise
        print("stopped; run the same command to go on", file=sys.stderr)
        raise SystemExit(1) from None
    except MemoryError:
        print("error: out of memory; use fewer slots (--slots 1) or a smaller scale", file=sys.stderr)
        raise SystemExit(1) from None
    except OSError as error:
        if debug():
            raise
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}; add --debug for details", file=sys.stderr)
        raise SystemExit(1) from None
    except Exception as error:
        if debug():
            raise
        print(f"error: {_unexpected(error)}", file=sys.stderr)
        raise SystemExit(1) from None


def _unexpected(error: Exception) -> str:
    """One line for a mistake in a plugin or in contrastbench itself: what it is and in which file."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    first = (str(error).strip() or "no message").splitlines()[0]
    return (
        f"{type(error).__name__}: {first}{where}; a mistake in that file or in contrastbench: add --debug for the "
        "traceback; what is finished is kept"
    )
