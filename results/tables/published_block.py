"""Block A: what the paper prints, and what we measured where the two may be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bench.schema.cell import CHECKPOINTS, Cell, Checkpoint
from bench.schema.printed import SECOND_HAND
from bench.schema.table import COUNTED, Table, TableColumn, TableRow
from results.tables.comparable import (
    DEVIATING_MARK,
    VERDICT_MARKS,
    gap,
    is_stand_in,
    may_stand_against_published,
    measured_text,
)
from results.tables.document import Block, Footnotes, Line, Text

Placed = Mapping[tuple[str, str], Cell]
NO_NUMBER = "–"


def published_block(
    table: Table, placed: Placed, block_names: Mapping[tuple[str, str], str], footnotes: Footnotes
) -> Block:
    """Two lines a row: the paper's numbers, and ours or the reason why there is none.

    Args:
        table: its rows and columns.
        placed: its cells.
        block_names: (row, column) -> name of the stand-in block that has its measurement.
        footnotes: collects reading notes, reasons and deviations.
    """
    rows, columns = shown(table, placed)
    lines = []
    for row in rows:
        label = Text(row.label, ("‡",) if row.extra else ())
        pairs = [(placed[row.label, column.label], column) for column in columns]
        paper = tuple(of_cell(_published(cell, column, footnotes), cell) for cell, column in pairs)
        ours = tuple(of_cell(_ours(cell, column, block_names, footnotes), cell) for cell, column in pairs)
        lines.append(Line((label, Text("paper")), paper, rule_above=row.rule_above))
        lines.append(Line((Text(""), Text("ours")), ours))
    return Block(
        title="A. Published, and reproduced as published",
        intro="Ours stands here only where data and metric are those of the published number.",
        stubs=(stub(table), ""),
        groups=tuple(column.group for column in columns),
        headings=tuple(heading(column) for column in columns),
        lines=tuple(lines),
    )


def published_checkpoints(table: Table, placed: Placed) -> Block | None:
    """The comparable cells by checkpoint rule, each against the published number; None if none was measured."""
    rows, columns = shown(table, placed)
    lines = []
    for row in rows:
        for column in columns:
            cell = placed[row.label, column.label]
            if not may_stand_against_published(cell) or len(cell.measured) < 2:
                continue
            published = _digits(cell, column)
            dagger = ("†",) if _is_second_hand(cell) else ()
            measured = [of_cell(_at(cell, rule, column.decimals), cell) for rule in CHECKPOINTS]
            lines.append(
                Line(
                    (Text(row.label), Text(f"{column.label} {arrow(column.higher_is_better)}")),
                    (Text(published, dagger), *measured, gap_text(cell, column.decimals)),
                )
            )
    if not lines:
        return None
    return Block(
        title="A, by checkpoint",
        intro="The same models at the last checkpoint, the best on validation images and the best on test images.",
        stubs=("Method", "Column"),
        groups=("",) * 5,
        headings=("paper", *CHECKPOINTS, "gap"),
        lines=tuple(lines),
        is_detail=True,
    )


def shown(table: Table, placed: Placed) -> tuple[list[TableRow], list[TableColumn]]:
    """The table's rows and columns that have cells."""
    rows, columns = {row for row, _ in placed}, {column for _, column in placed}
    return [row for row in table.rows if row.label in rows], [
        column for column in table.columns if column.label in columns
    ]


def heading(column: TableColumn) -> str:
    """A column's heading with the direction of its metric, which counted images have none of."""
    return column.heading if column.metric == COUNTED else f"{column.heading} {arrow(column.higher_is_better)}"


def stub(table: Table) -> str:
    """What the table's rows are called."""
    return "Images" if any(row.counted for row in table.rows) else "Method"


def arrow(higher_is_better: bool | None) -> str:
    """The direction of a metric, as tables of this field show it; → where a number should come near to a target."""
    if higher_is_better is None:
        return "→"
    return "↑" if higher_is_better else "↓"


def gap_text(cell: Cell, decimals: int) -> Text:
    """How much better best-on-test looks than last."""
    value = gap(cell)
    return Text(NO_NUMBER) if value is None else Text(f"{value:+.{decimals}f}".replace("-", "−"))


def of_cell(text: Text, cell: Cell) -> Text:
    """The same text, saying which cell it tells about."""
    return replace(text, place=(cell.row, cell.column))


def reason_marks(cell: Cell, footnotes: Footnotes) -> tuple[str, ...]:
    """A footnote mark for the reason of a state; the legend has those of `not run` and `not implemented`."""
    if not cell.reason or cell.state in ("done", "not run", "not implemented"):
        return ()
    return (footnotes.mark(f"{cell.state}: {cell.reason}"),)


def _is_second_hand(cell: Cell) -> bool:
    return cell.published is not None and SECOND_HAND in cell.published_source


def _published(cell: Cell, column: TableColumn, footnotes: Footnotes) -> Text:
    second_hand = _is_second_hand(cell)
    marks: tuple[str, ...] = ("†",) if second_hand else ()
    # the dagger's own note repeats how a second-hand number was found
    if cell.published_note and not second_hand:
        marks += (footnotes.mark(cell.published_note),)
    return Text(_digits(cell, column), marks)


def _digits(cell: Cell, column: TableColumn) -> str:
    """The published number as it is printed; papers do not give all numbers of a column the same digits."""
    if cell.published is None:
        return NO_NUMBER
    return cell.published_text or f"{cell.published:.{column.decimals}f}"


def _ours(cell: Cell, column: TableColumn, block_names: Mapping[tuple[str, str], str], footnotes: Footnotes) -> Text:
    if is_stand_in(cell):
        block = block_names.get((cell.row, cell.column))
        if block is not None:
            return Text(f"see {block}", style="quiet")
    if not may_stand_against_published(cell) or cell.value is None:
        return Text(cell.state, reason_marks(cell, footnotes), style="quiet")
    text = _at(cell, cell.counts, column.decimals).text
    marks = reason_marks(cell, footnotes)
    if cell.state != "done":
        text = f"{text} {cell.state}"
    if cell.comparability == "deviating":
        what = "" if column.metric == COUNTED else "deviates from the published setting: "
        marks += (footnotes.mark(what + "; ".join(cell.deviations)),)
    return Text(text, marks, style="strong")


def _at(cell: Cell, rule: Checkpoint, decimals: int) -> Text:
    measured = cell.measured.get(rule)
    if measured is None or not measured.values:
        return Text(NO_NUMBER)
    mark = ""
    if cell.comparability == "deviating":
        mark = f" {DEVIATING_MARK}"
    elif cell.state == "done" and measured.verdict is not None:
        mark = f" {VERDICT_MARKS[measured.verdict]}"
    return Text(measured_text(measured, decimals) + mark, style="strong" if rule == cell.counts else "plain")
