"""The verb `doctor`: whether this machine's numbers are right."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from bench.base.home import expanded
from bench.cli.options import DATA, HOME, DataOption, HomeOption, JsonOption, example

app = typer.Typer()


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

    from bench.base.terminal import Terminal
    from bench.checks.doctor.examine import examine, show

    examination = examine(expanded(home).absolute(), expanded(data).absolute(), plugin)
    findings = list(examination) if as_json else show(examination, Terminal())
    failed = any(finding.mark == "FAIL" for finding in findings)
    if as_json:
        print(json.dumps({"ok": not failed, "findings": [asdict(finding) for finding in findings]}, indent=1))
    if failed:
        raise typer.Exit(1)
