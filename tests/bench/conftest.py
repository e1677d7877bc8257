"""A results root of toy runs with a table that has cells of every kind and a comparison, made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from written_records import reseal

from bench.base.home import Home
from bench.commands.compare import Comparison, plan_comparison, write
from bench.compare.contenders import choose, enter
from bench.plan.grid import Grid
from bench.report.page import Written, write_report
from bench.run.execute import execute
from bench.run.process import ProgressFile
from bench.schema.cell import Cell
from bench.schema.table import Table
from bench.show.table_files import write_table


@pytest.fixture(scope="session")
def trained(make_toys: Callable[[Path], Any], tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Two seeds of a method and of one that needs another: `home`, and `keys` by label."""
    toys = make_toys(tmp_path_factory.mktemp("trained"))
    file = toys.method.rpartition(":")[0]
    contenders = choose(None, f"{file}:Toy", {}, "cut", [f"{file}:NeedsTeacher"])
    entrants = enter(contenders, toys.protocol, "smoke", "equal", {})
    comparison = plan_comparison(Comparison("toy-vs-other", "smoke", "equal", entrants, Grid(toys.home)), 2)
    comparison.grid.write_specs()
    for key in comparison.grid.runs:  # a run comes after those that it needs
        execute(toys.home, key, ProgressFile(toys.home.run(key)))
    write(comparison, comparison.findings())
    return SimpleNamespace(home=toys.home, keys=comparison.keys, metric=toys.protocol.metrics[0].metric)


@pytest.fixture(scope="session")
def cells(every_kind_of: Callable[[Table], list[Cell]], paper_table: Table, trained: SimpleNamespace) -> list[Cell]:
    """Cells of every kind; those of CUT and SRC+hDCE belong to the toy runs."""
    keys = {"CUT": trained.keys["toy"], "SRC+hDCE": trained.keys["needs-teacher"]}
    found = []
    for cell in every_kind_of(paper_table):
        changes: dict[str, Any] = {"train_keys": keys.get(cell.row, {}) if cell.ran_as else {}}
        if cell.row == "FastCUT" and cell.protocol == "horse2zebra@1":
            lacking = {"state": "not available", "measured": {}, "comparability": None}
            changes |= lacking | {"reason": "<b>weights</b> & more: see `contrastbench doctor`"}
        found.append(cell.model_copy(update=changes))
    return found


@pytest.fixture(scope="session")
def root(trained: SimpleNamespace, cells: list[Cell], paper_table: Table) -> Home:
    """The results root on disk."""
    write_table(paper_table, cells, trained.home.table(paper_table.name, "smoke"))
    return trained.home


@pytest.fixture(scope="session")
def written(root: Home, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Its report."""
    return write_report(root, tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture
def other_root(tmp_path: Path, cells: list[Cell], paper_table: Table) -> Home:
    """A results root with the table alone: its runs are elsewhere."""
    home = Home.open(tmp_path / "other", tmp_path / "datasets")
    write_table(paper_table, cells, home.table(paper_table.name, "smoke"))
    return home


@pytest.fixture
def damage() -> Callable[[Path, dict[str, Any]], None]:
    """Change keys of a `cells.json` or `comparison.json` as another version could have written them: the seal fits."""

    def change(path: Path, changes: dict[str, Any]) -> None:
        reseal(path, path.stem, path.parent.name, **changes)

    return change
