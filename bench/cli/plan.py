"""The verb `plan`: what a reproduction would run and cost."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from bench.base.streams import printable
from bench.cli.options import (
    DATA,
    HOME,
    DataOption,
    DeviceOption,
    HomeOption,
    JsonOption,
    KeepOption,
    MethodOption,
    PerRankOption,
    PrecisionOption,
    RanksOption,
    SaveEveryOption,
    ScaleOption,
    SeedsOption,
    SetOption,
    as_json_record,
    example,
    table_grid,
)

app = typer.Typer()


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
    device: DeviceOption = None,
    precision: PrecisionOption = None,
    ranks: RanksOption = 1,
    per_rank: PerRankOption = None,
    keep: KeepOption = None,
    save_every: SaveEveryOption = None,
    home: HomeOption = HOME,
    data: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """Show what a reproduction would run and cost, what is done already and what stands in its way."""
    from bench.commands.plan import plan_rows, print_plan
    from bench.commands.status import is_shown_in_full
    from bench.plan.cost_of_plan import totals, waiting_costs
    from bench.plan.cost_of_step import Calibrations

    def say(line: str) -> None:
        print(printable(line), file=sys.stderr)

    grid = table_grid(
        tables, home, data, scale, seeds, methods, sets, device, keep, save_every, precision, ranks, per_rank
    )
    known = Calibrations(grid.home, grid.device)
    rows, waiting = plan_rows(grid, calibrate, say, known), waiting_costs(grid, calibrate, say, known)
    if as_json:
        content = {"runs": rows, "waiting": waiting, "totals": totals(rows, waiting)}
        print(json.dumps(content, indent=1, default=as_json_record))
    else:
        print_plan(grid, rows, waiting)
    if not is_shown_in_full(rows):
        raise typer.Exit(1)
    if not grid.runs and not any(cell.blocked and cell.blocked[0] == "failed" for cell in grid.cells):
        raise typer.Exit(3)
