"""`reproduce`: run what is left of a grid, then write and print its tables and contact sheets."""

from __future__ import annotations

import json
from pathlib import Path

from bench.base.streams import shell_word
from bench.base.terminal import Terminal
from bench.base.words import say, shown_path, typed_path
from bench.commands.execution import Execution
from bench.commands.plan import nothing_possible
from bench.plan.grid import Grid
from bench.run.executors.executor import Executor
from bench.schema.table import Table
from bench.show.samples import sample_sheets
from bench.show.table_files import print_table, write_table
from bench.verdict.cells import cells_of


def reproduce(grid: Grid, executor: Executor, as_json: bool, mlflow: str | None = None, wait: bool = True) -> int:
    """Do what is left and write the tables.

    Args:
        grid: tables and runs.
        executor: where the runs are done.
        as_json: print the cells as JSON on standard output and everything else on standard error.
        mlflow: address at which the runs are shown meanwhile; None: nowhere.
        wait: whether to wait for the runs where the executor has a queue that does them.

    Returns:
        The exit status: 0 if nothing is left to do, 1 if something failed, is left or is not shown, 3 if nothing was
        possible.
    """
    console = Terminal(stderr=as_json)
    work = Execution(grid, executor, console, mlflow)
    failed = False
    written: dict[str, list[Path]] = {}
    with work.shown_in_mlflow():
        if work.todo:
            known = cells_of(grid, work.facts())
            for table, scale in _tables(grid):  # from the start its cells say which runs are its own
                mine = [cell for cell in known if cell.table == table.name]
                write_table(table, mine, grid.home.table(table.name, scale))
            failed = any(outcome.state != "done" for outcome in work.run(wait=wait).values())

        cells = cells_of(grid, work.facts())
        for table, scale in _tables(grid):
            mine = [cell for cell in cells if cell.table == table.name]
            folder = grid.home.table(table.name, scale)
            paths = list(write_table(table, mine, folder).values())
            paths += sample_sheets(grid, table, folder)
            written[table.name] = paths
            print_table(table, mine, console)
    if as_json:
        print(json.dumps([cell.model_dump(mode="json") for cell in cells], indent=1))
    for name, paths in written.items():
        say(console, f"\n{name} is written to")
        for path in paths:
            say(console, f"  {shown_path(path)}")
    work.say_end()
    page = f"contrastbench report --home {shell_word(typed_path(grid.home.root))}"
    say(console, f"one page to show, with evidence and samples: {page}")
    if not grid.runs and not any(cell.state in ("failed", "done") for cell in cells):
        say(console, f"nothing was possible: {nothing_possible(grid)}")
        return 3
    return int(failed or bool(work.not_shown) or any(cell.state == "failed" for cell in cells))


def _tables(grid: Grid) -> list[tuple[Table, str]]:
    tables: dict[tuple[str, str], tuple[Table, str]] = {}
    for planned in grid.cells:
        tables.setdefault((planned.table.name, planned.scale), (planned.table, planned.scale))
    return list(tables.values())
