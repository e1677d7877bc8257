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
TrackingOption = Annotated[
    str | None,
    typer.Option("--tracking-uri", envvar="MLFLOW_TRACKING_URI", help="MLflow's address; default: HOME/mlflow.db"),
]
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


def _settings(pairs: list[str] | None, option: str = "--set") -> dict[str, Any]:
    """Read KEY=VALUE pairs; values are YAML, so that numbers, booleans and lists can be written."""
    import yaml

    settings: dict[str, Any] = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"{option} {pair}: write KEY=VALUE, for example {option} ngf=16")
        try:
            settings[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UsageError(f"{option} {pair}: the value is not valid YAML") from error
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
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="time a few steps of each method that no run has timed yet")
    ] = False,
    home: HomeOption = HOME,
    data: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """Show what a reproduction would run and cost, what is done already and what stands in its way."""
    from bench.costs import totals, waiting_costs
    from bench.planning import plan_rows, print_plan

    def say(line: str) -> None:
        print(line, file=sys.stderr)

    grid = _grid(tables, home, data, scale, seeds, methods, sets)
    rows, waiting = plan_rows(grid, calibrate, say), waiting_costs(grid, calibrate, say)
    if as_json:
        print(json.dumps({"runs": rows, "waiting": waiting, "totals": totals(rows, waiting)}, indent=1))
    else:
        print_plan(grid, rows, waiting)


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
    tracking: TrackingOption = None,
    use_mlflow: Annotated[bool, typer.Option("--mlflow/--no-mlflow", help="show the runs in MLflow meanwhile")] = True,
    as_json: JsonOption = False,
) -> None:
    """Train, score and tabulate; what is done already is not done again."""
    from bench.reproduce import reproduce as work
    from bench.tracking.store import tracking_uri

    grid = _grid(tables, home, data, scale, seeds, methods, sets)
    mlflow = tracking_uri(grid.home, tracking) if use_mlflow else None
    failed = work(grid, slots=slots, as_json=as_json, debug=DEBUG, mlflow=mlflow)
    if failed:
        raise typer.Exit(1)


@app.command(
    epilog=_example(
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
    framework: Annotated[str, typer.Option("--framework", help="the method in which the loss is tried")] = "cut",
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
    slots: Annotated[int | None, typer.Option("--slots", min=1, help="runs at once; default: cores / threads")] = None,
    tracking: TrackingOption = None,
    use_mlflow: Annotated[bool, typer.Option("--mlflow/--no-mlflow", help="show the runs in MLflow meanwhile")] = True,
    as_json: JsonOption = False,
) -> None:
    """Compare one loss or method with others: same data, same draws, paired by seed."""
    from bench.compare.contenders import choose, enter
    from bench.compare.verb import Comparison, default_name, plan_comparison
    from bench.compare.verb import compare as work
    from bench.grid import Grid
    from bench.home import Home
    from bench.protocol import load_protocol
    from bench.tracking.store import tracking_uri

    asked = load_protocol(protocol)
    rivals = [rival.strip() for rival in against.split(",") if rival.strip()]
    contenders = choose(loss, method, _settings(loss_options, "--loss-option"), framework, rivals)
    entrants = enter(contenders, asked, scale, budget, _settings(sets))
    grid = Grid(Home.open(home, data))
    folder = name or default_name(entrants, asked.name, scale, budget)
    comparison = plan_comparison(Comparison(folder, scale, budget, entrants, grid, metrics or []), seeds)
    mlflow = tracking_uri(grid.home, tracking) if use_mlflow else None
    if work(comparison, slots=slots, as_json=as_json, debug=DEBUG, mlflow=mlflow):
        raise typer.Exit(1)


@app.command(epilog=_example("score --protocol horse2zebra --method cut --weights latest_net_G.pth"))
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
    home: HomeOption = HOME,
    data: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """Score images made by any program, or an official checkpoint; nothing is trained."""
    from rich.console import Console
    from rich.progress import Progress

    from bench.home import Home
    from bench.protocol import load_protocol
    from bench.score import print_scored, score_images, score_weights

    if (images is None) == (weights is None) or (weights is None) != (method is None):
        raise UsageError("say what to score: --images DIR, or --method NAME with --weights FILE")
    results, asked = Home.open(home, data), load_protocol(protocol)
    if images is not None:
        if sets:
            raise UsageError("--set goes with --weights; images are scored as they are")
        found = score_images(asked, images.expanduser(), results)
    else:
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("translating the test images")
            found = score_weights(
                asked, str(method), Path(str(weights)).expanduser(), _settings(sets), results,
                lambda done, total: bar.update(task, completed=done, total=total),
            )  # fmt: skip
    if as_json:
        print(found.model_dump_json(indent=1))
    else:
        print_scored(found, Console())
    if any(one.state == "failed" for one in found.scores):
        raise typer.Exit(1)


@app.command(epilog=_example("diff cut-3aba cut-feda"))
def diff(
    first: Annotated[str, typer.Argument(help="a run: its key, a beginning of it, or its folder")],
    second: Annotated[str, typer.Argument(help="another run")],
    home: HomeOption = HOME,
    data: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """Put two runs side by side: configuration, data, code, versions and scores."""
    from bench.difference import difference, find_run, print_difference
    from bench.home import Home

    results = Home(home.expanduser().absolute(), data.expanduser().absolute())
    found = difference(find_run(results, first), find_run(results, second))
    print(json.dumps(found, indent=1)) if as_json else print_difference(found)


@app.command(epilog=_example("rerun cut-3aba"))
def rerun(
    run: Annotated[str, typer.Argument(help="a finished run: its key, a beginning of it, or its folder")],
    home: HomeOption = HOME,
    data: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """Run once more from the record, and say whether weights, losses and scores are the same to the bit."""
    from bench.difference import find_run
    from bench.home import Home
    from bench.rerun import print_rerun
    from bench.rerun import rerun as work

    results = Home.open(home, data)
    found = work(results, find_run(results, run), debug=DEBUG, quiet=as_json)
    print(json.dumps(found, indent=1)) if as_json else print_rerun(found)
    if not found["identical"]:
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


@app.command(epilog=_example("ui --port 5001"))
def ui(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="of 127.0.0.1")] = 5000,
    home: HomeOption = HOME,
    data: DataOption = DATA,
    tracking: TrackingOption = None,
) -> None:
    """Browse runs, curves, sample grids and tables in MLflow; what is new appears while it is open."""
    from bench.home import Home
    from bench.tracking.server import serve
    from bench.tracking.store import tracking_uri

    results = Home.open(home, data)
    serve(results, tracking_uri(results, tracking), port, lambda line: print(line, flush=True))


@app.command(epilog=_example("sync --tracking-uri http://localhost:5000"))
def sync(
    follow: Annotated[bool, typer.Option("--follow", help="go on until Ctrl-C")] = False,
    home: HomeOption = HOME,
    data: DataOption = DATA,
    tracking: TrackingOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show in MLflow what it does not show yet; the run folders stay the source of truth."""
    from bench.home import Home
    from bench.tracking.follow import sync as work
    from bench.tracking.store import tracking_uri

    results = Home.open(home, data)
    if work(results, tracking_uri(results, tracking), follow, as_json):
        raise typer.Exit(1)


@app.command(epilog=_example("doctor"))
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

    from bench.doctor.examine import examine, show

    examination = examine(home.expanduser().absolute(), data.expanduser().absolute(), plugin)
    findings = list(examination) if as_json else show(examination, Console())
    failed = any(finding.mark == "FAIL" for finding in findings)
    if as_json:
        print(json.dumps({"ok": not failed, "findings": [asdict(finding) for finding in findings]}, indent=1))
    if failed:
        raise typer.Exit(1)


data_app = typer.Typer(help="Get the data sets, check them and look at them.", no_args_is_help=True)
app.add_typer(data_app, name="data")


@data_app.command("list", epilog=_example("data list"))
def data_list(home: HomeOption = HOME, data: DataOption = DATA, as_json: JsonOption = False) -> None:
    """Show every data set: whether it is here, how many images, how to get it."""
    from bench.data.verbs import data_rows, print_data

    rows = data_rows(home.absolute() / "cache", data.absolute())
    print(json.dumps(rows, indent=1)) if as_json else print_data(rows)


@data_app.command("prepare", epilog=_example("data prepare horse2zebra"))
def data_prepare(
    name: Annotated[str, typer.Argument(help="a data set, for example horse2zebra, cityscapes or cat2dog")],
    archives: Annotated[
        list[Path] | None, typer.Option("--from", help="an archive you have already; may be repeated for cityscapes")
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
    """Download or take a data set's archive, check it and put its images under --data.

    Filters: the script that made cityscapes left the filter to Pillow, which took nearest pixels then (before 7.0)
    and interpolates bicubically now, blending label colours.
    """
    from bench.data.prepare import prepare, print_prepared

    found = prepare(
        name,
        data.expanduser().absolute(),
        archives=[archive.expanduser() for archive in archives or []],
        url=url,
        label_filter=label_filter,
        photo_filter=photo_filter,
    )
    print(json.dumps(found, indent=1)) if as_json else print_prepared(found)


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
    if found["problems"]:
        raise typer.Exit(1)


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
CTRL_C = 130  # the status that typer ends with


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
    except SystemExit as end:
        if end.code != CTRL_C:
            raise
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
