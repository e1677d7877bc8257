"""The verb `rerun`: a finished run once more."""

from __future__ import annotations

import typer

from bench.cli.options import (
    DATA,
    HOME,
    DataOption,
    ExecutorOption,
    HomeOption,
    JobOption,
    JsonOption,
    LossFileOption,
    MethodFileOption,
    MetricFilesOption,
    RunArgument,
    debug,
    example,
    read_settings,
    users_files,
)

app = typer.Typer()


@app.command(epilog=example("rerun cut-3aba"))
def rerun(
    run: RunArgument,
    loss: LossFileOption = None,
    method: MethodFileOption = None,
    metrics: MetricFilesOption = None,
    executor: ExecutorOption = "local",
    job: JobOption = None,
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
    repeated = work(
        results,
        find_run(results, run),
        debug=debug(),
        quiet=as_json,
        executor=executor,
        files=users_files(loss=loss, method=method),
        metrics=metrics or [],
        job=read_settings(job, "--job"),
    )
    print(repeated.model_dump_json(indent=1)) if as_json else print_rerun(repeated)
    if not repeated.identical:
        raise typer.Exit(1)
