"""The files of a table: all formats, complete, and written anew without leftovers."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from bench.base.errors import BenchError
from bench.schema.cell import Cell
from bench.schema.table import Table, load_table
from bench.show.table_files import print_table, write_table


@pytest.fixture
def table() -> Table:
    return load_table("src-hdce/main")


@pytest.fixture
def cells(table: Table) -> list[Cell]:
    return [
        Cell(
            **entry.model_dump(exclude={"variant", "overrides", "extra"}),
            ran_as=None,
            scored_as=None,
            scale="paper",
            state="not available" if entry.method else "not implemented",
            reason="FID needs its Inception weights: see `contrastbench doctor`" if entry.method else "",
        )
        for entry in table.cells()
    ]


def test_writes_every_format(table: Table, cells: list[Cell], tmp_path: Path) -> None:
    written = write_table(table, cells, tmp_path / "deep" / "folder")
    assert {kind: path.name for kind, path in written.items()} == {
        "csv": "table.csv", "markdown": "table.md", "latex": "table.tex", "cells": "cells.json"
    }  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "deep" / "folder").iterdir()) == sorted(
        path.name for path in written.values()
    )
    content = json.loads(written["cells"].read_text(encoding="utf-8"))
    assert content["table"] == "src-hdce/main@3"
    assert [Cell.model_validate(cell) for cell in content["cells"]] == cells
    assert len(pd.read_csv(written["csv"])) == len(cells)
    for kind in ("markdown", "latex"):
        assert "155.3" in written[kind].read_text(encoding="utf-8")


def test_writing_again_gives_the_same_bytes(table: Table, cells: list[Cell], tmp_path: Path) -> None:
    first = {kind: path.read_bytes() for kind, path in write_table(table, cells, tmp_path).items()}
    second = {kind: path.read_bytes() for kind, path in write_table(table, cells, tmp_path).items()}
    assert first == second


def test_cells_of_another_table_leave_the_files_alone(table: Table, cells: list[Cell], tmp_path: Path) -> None:
    paths = write_table(table, cells, tmp_path)
    before = {path: path.read_bytes() for path in paths.values()}
    with pytest.raises(BenchError, match="stands in no row and column"):
        write_table(table, [cells[0].model_copy(update={"row": "Other"}), *cells[1:]], tmp_path)
    assert {path: path.read_bytes() for path in paths.values()} == before


def test_prints(table: Table, cells: list[Cell]) -> None:
    out = io.StringIO()
    print_table(table, cells, Console(file=out, width=100))
    assert "A. Published, and reproduced as published" in out.getvalue()
    assert "FID needs its Inception weights: see `contrastbench doctor`" in out.getvalue()
