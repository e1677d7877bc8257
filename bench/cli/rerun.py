"""The verb `rerun`: a finished run once more."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from bench.cli.options import DATA, HOME, DataOption, ExecutorOption, HomeOption, JsonOption, debug, example

app = typer.Typer()


@app.command(epilog=example("rerun cut-3aba"))
def rerun(
    run: Annotated[str, typer.Argument(help="a finished run: its key, a beginning of it, or its folder")],
    executor: ExecutorOption = "local",
    home: HomeOption = HOME,
    data: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """Run once more from the record, and say whether weights, losses and scores are the same to the bit."""
    from bench.base.home import Home
    from bench.commands.rerun import print_rerun
    from bench.commands.rerun import rerun as work
    from bench.ledger.difference import find_run

    results = Home.existing(home, data)
    found = work(results, find_run(results, run), debug=debug(), quiet=as_json, executor=executor)
    print(json.dumps(found, indent=1)) if as_json else print_rerun(found)
    if not found["identical"]:
        raise typer.Exit(1)
