"""The verb `report`: one HTML page."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import DATA, HOME, DataOption, HomeOption, JsonOption, example

app = typer.Typer()


@app.command(epilog=example("report src-hdce/main --home runs --output main.html"))
def report(
    tables: Annotated[
        list[str] | None, typer.Argument(help="tables and comparisons to show; default: all of the home")
    ] = None,
    scale: Annotated[str | None, typer.Option("--scale", help="only smoke, mini or paper; default: all")] = None,
    output: Annotated[Path | None, typer.Option("--output", help="the HTML file; default: HOME/report.html")] = None,
    home: HomeOption = HOME,
    data: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """Write one HTML file with tables, evidence, figures and samples; it needs no network and no other file."""
    from rich.text import Text

    from bench.base.home import Home, expanded
    from bench.base.streams import one_line, printable
    from bench.base.terminal import Terminal
    from bench.report.page import write_report

    root = expanded(home).absolute()
    results = Home(root, expanded(data).absolute())
    path = (expanded(output) if output else root / "report.html").absolute()
    with Terminal(stderr=True).status("reading the results") as status:
        written = write_report(results, path, tables or [], scale, lambda line: status.update(Text(printable(line))))
    for problem in written.data["problems"]:
        print(printable(f"warning: not shown: {problem}"), file=sys.stderr)
    if as_json:
        print(json.dumps({"report": str(written.path), "bytes": written.size, **written.data}, indent=1))
    else:
        tabled, compared = len(written.data["tables"]), len(written.data["comparisons"])
        counts = f"{_count(tabled, 'table')}, {_count(compared, 'comparison')}"
        print(f"{one_line(str(written.path))}: {counts}, {written.size / 1e6:.1f} MB")
        print(f"open it in a browser: {written.path.as_uri()}")
    if written.data["problems"]:
        raise typer.Exit(1)


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
