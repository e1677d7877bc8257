"""Cells as pandas frames: a tidy one for analysis, and one in the paper's own layout."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from bench.schema.cell import Cell
from results.tables.comparable import may_stand_against_published, mean
from results.tables.tidy import COLUMNS, cells_lines


def cells_frame(cells: Sequence[Cell]) -> pd.DataFrame:
    """Put cells into a tidy frame.

    Args:
        cells: cells of one or several tables.

    Returns:
        One line per cell and checkpoint rule (`role` is `cell`), one per further metric of the same runs (`role` is
        `extra`; without the published number, which is of another metric), and one line for a cell without any
        measurement. A number from stand-in data or a stand-in metric is in `stand_in_value`, never in `value`.
    """
    frame = pd.DataFrame([line for cell in cells for line in cells_lines(cell)], columns=list(COLUMNS))
    return frame.astype({"counts": "boolean", "higher_is_better": "boolean", "n_seeds": "Int64"})


def wide(cells: Sequence[Cell]) -> pd.DataFrame:
    """Put the cells of one table into the paper's layout.

    Args:
        cells: cells of one table.

    Returns:
        Rows and columns in order of appearance; the columns' second level is `published` and `ours`. `ours` is NaN
        unless it was measured on the published data by the published metric.
    """
    rows = list(dict.fromkeys(cell.row for cell in cells))
    columns = list(dict.fromkeys(cell.column for cell in cells))
    index = pd.MultiIndex.from_product([columns, ["published", "ours"]])
    frame = pd.DataFrame(index=pd.Index(rows, name="row"), columns=index, dtype=float)
    for cell in cells:
        frame.loc[cell.row, (cell.column, "published")] = cell.published
        if may_stand_against_published(cell) and cell.value is not None:
            frame.loc[cell.row, (cell.column, "ours")] = mean(cell.value)
    return frame
