"""The verb `rerun`: a finished run once more."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.cli.options import (
    DATA,
    HOME,
    DataOption,
    ExecutorOption,
    HomeOption,
    JsonOption,
    LossFileOption,
    MethodFileOption,
    MetricFilesOption,
    debug,
    example,
)

app = typer.Typer()


@app.command(epilog=example("rerun cut-3aba"))
def rerun(
    run: Annotated[
        str, typer.Argument(help="a finished run: its key, a beginning of it, its folder, or LABEL/NAME/SEED")
    ],
    loss: LossFileOption = None,
    method: MethodFileOption = None,
    metrics: MetricFilesOption = None,
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

    results, files = Home.existing(home, data), {"loss": loss, "method": method}
    repeated = work(
        results,
        find_run(results, run),
        debug=debug(),
        quiet=as_json,
        executor=executor,
        files={kind: reference for kind, reference in files.items() if reference is not None},
        metrics=metrics or [],
    )
    print(repeated.model_dump_json(indent=1)) if as_json else print_rerun(repeated)
    if not repeated.identical:
        raise typer.Exit(1)
