"""The verb `diff`: two runs side by side."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.cli.options import DATA, HOME, DataOption, HomeOption, JsonOption, example

app = typer.Typer()


@app.command(epilog=example("diff cut-3aba first-try/focal_nce/0"))
def diff(
    first: Annotated[str, typer.Argument(help="a run: its key, a beginning of it, its folder, or LABEL/NAME/SEED")],
    second: Annotated[str, typer.Argument(help="another run")],
    home: HomeOption = HOME,
    data: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """Put two runs side by side: configuration, data, code, versions and scores."""
    from bench.base.home import Home, expanded
    from bench.ledger.difference import difference, find_run, print_difference

    results = Home(expanded(home).absolute(), expanded(data).absolute())
    compared = difference(find_run(results, first), find_run(results, second))
    print(compared.model_dump_json(indent=1)) if as_json else print_difference(compared)
    if compared.problems:
        raise typer.Exit(1)
