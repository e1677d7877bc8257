"""Lay a paper's table out: the published block, apart from it the stand-in blocks, and everything that explains them."""

from __future__ import annotations

from collections.abc import Sequence

from bench.base.errors import BenchError
from bench.schema.cell import Cell
from bench.schema.printed import SECOND_HAND
from bench.schema.table import Table
from results.tables.comparable import is_stand_in
from results.tables.document import Block, Document, Footnotes
from results.tables.legend import paragraphs
from results.tables.published_block import published_block, published_checkpoints
from results.tables.stand_in_block import StandIn, stand_in_blocks


def lay_out(table: Table, cells: Sequence[Cell]) -> Document:
    """Lay one table out.

    Args:
        table: its rows and columns.
        cells: its cells; rows and columns without any cell are left out.

    Returns:
        The document: block A has the published numbers and what may stand beside them; each B block has what was
        measured on one stand-in and no published number.

    Raises:
        BenchError: if a cell does not belong to the table, or one is missing or there twice.
    """
    placed = place(table, cells)
    stand_ins = _stand_ins(cells)
    footnotes = Footnotes()
    block_names = {(cell.row, cell.column): stand_in.name for stand_in in stand_ins for cell in stand_in.cells}
    blocks: list[Block] = [published_block(table, placed, block_names, footnotes)]
    if (checkpoints := published_checkpoints(table, placed)) is not None:
        blocks.append(checkpoints)
    for stand_in in stand_ins:
        blocks.extend(stand_in_blocks(table, stand_in, footnotes))
    return Document(
        name=table.id,
        scale=" and ".join(dict.fromkeys(cell.scale for cell in cells)),
        title=table.title,
        source=f"{table.citation.rstrip('.')}, {table.where}.",
        blocks=tuple(blocks),
        paragraphs=tuple(paragraphs(table, placed, stand_ins)),
        notes=(*_symbols(table, placed), *footnotes.notes()),
    )


def place(table: Table, cells: Sequence[Cell]) -> dict[tuple[str, str], Cell]:
    """Order cells as the table has them, and check that they fill whole rows and columns.

    Raises:
        BenchError: naming the first cell that is foreign, twice there or missing.
    """
    placed: dict[tuple[str, str], Cell] = {}
    rows, columns = [row.label for row in table.rows], [column.label for column in table.columns]
    for cell in cells:
        name = f"table {table.name}: cell ({cell.row}, {cell.column})"
        if cell.row not in rows or cell.column not in columns:
            raise BenchError(f"{name} stands in no row and column of it; make the cells from version {table.version}")
        if (cell.row, cell.column) in placed:
            raise BenchError(f"{name} is there twice; pass the cells of one scale only")
        placed[cell.row, cell.column] = cell
    rows = [row for row in rows if any(key[0] == row for key in placed)]
    columns = [column for column in columns if any(key[1] == column for key in placed)]
    for row in rows:
        for column in columns:
            if (row, column) not in placed:
                raise BenchError(f"table {table.name}: cell ({row}, {column}) is missing; pass every cell of the grid")
    return {(row, column): placed[row, column] for row in rows for column in columns}


def _stand_ins(cells: Sequence[Cell]) -> list[StandIn]:
    """Cells that were measured, or will be, on the same stand-in at the same scale."""
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        if is_stand_in(cell) and cell.ran_as is not None and cell.scored_as is not None:
            groups.setdefault((cell.ran_as, cell.scale), []).append(cell)
    single = len(groups) == 1
    return [
        StandIn("B" if single else f"B{number}", ran_as, scale, tuple(group))
        for number, ((ran_as, scale), group) in enumerate(groups.items(), start=1)
    ]


def _symbols(table: Table, placed: dict[tuple[str, str], Cell]) -> list[tuple[str, str]]:
    """The notes of the dagger (second-hand numbers) and of the double dagger (rows the paper does not have)."""
    notes = []
    sources = [
        f"{cell.published_source}: {cell.published_note.removeprefix(f'{SECOND_HAND}: ')}".removesuffix(": ")
        for cell in placed.values()
        if cell.published is not None and SECOND_HAND in cell.published_source
    ]
    if sources:
        notes.append(("†", ". ".join(dict.fromkeys(sources)) + "."))
    shown = {row for row, _ in placed}
    if extra := [row.label for row in table.rows if row.extra and row.label in shown]:
        notes.append(("‡", f"Not in the paper's table: {', '.join(extra)}."))
    return notes
