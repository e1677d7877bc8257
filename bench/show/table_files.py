"""Write a table's files, and show it on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.base.storage import write_text
from bench.schema.cell import Cell, TableCells
from bench.schema.table import Table

if TYPE_CHECKING:
    from rich.console import Console


def write_table(table: Table, cells: Sequence[Cell], folder: Path) -> dict[str, Path]:
    """Write one table in every format, each file atomically.

    Args:
        table: rows and columns.
        cells: its cells.
        folder: where the files go; made if needed.

    Returns:
        Format -> file: `csv` (tidy, every field), `markdown`, `latex`, and `cells` (JSON, everything that is known).

    Raises:
        BenchError: if the cells are not this table's, or a file cannot be written.
    """
    from results.tables.layout import lay_out
    from results.tables.tidy import cells_csv
    from results.tables.writers.latex import latex
    from results.tables.writers.markdown import markdown

    document = lay_out(table, cells)
    content = {
        "csv": ("table.csv", cells_csv(cells)),
        "markdown": ("table.md", markdown(document)),
        "latex": ("table.tex", latex(document)),
    }
    for name, text in content.values():
        write_text(folder / name, text)
    paths = {kind: folder / name for kind, (name, _) in content.items()} | {"cells": folder / "cells.json"}
    TableCells(table=table.id, cells=list(cells)).write(paths["cells"], folder.name)
    return paths


def print_table(table: Table, cells: Sequence[Cell], console: Console) -> None:
    """Show one table on a terminal.

    Args:
        table: rows and columns.
        cells: its cells.
        console: where to.

    Raises:
        BenchError: if the cells are not this table's.
    """
    from results.tables.layout import lay_out
    from results.tables.writers.terminal import terminal

    for part in terminal(lay_out(table, cells)):
        console.print(part)
