"""A laid-out block of a table, ready for the page: spans of headings and rows, links from cells to their evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import groupby

from bench.report.wording import DEVIATING_WORDS, VERDICT_WORDS
from results.tables.comparable import DEVIATING_MARK, VERDICT_MARKS
from results.tables.document import Block, Line, Text

# the sign behind a number -> (class in the style sheet, words)
_MARKS = {mark: (verdict, VERDICT_WORDS[verdict]) for verdict, mark in VERDICT_MARKS.items()}
_MARKS[DEVIATING_MARK] = ("deviating", DEVIATING_WORDS)


@dataclass(frozen=True)
class Note:
    """A footnote mark and the anchor of its note."""

    mark: str
    anchor: str


@dataclass(frozen=True)
class GridCell:
    """One cell of a grid.

    Attributes:
        text: its content, without the verdict's sign.
        mark, mark_class, mark_words: the sign, its class, and its meaning in words; empty where there is none.
        style: as in `Text`.
        notes: footnotes.
        link: anchor of the evidence, empty where there is none.
        anchor: of this cell, for the link back from its evidence.
        of: row and column of the linked cell, as text.
        rows: how many rows it spans.
    """

    text: str
    mark: str = ""
    mark_class: str = ""
    mark_words: str = ""
    style: str = "plain"
    notes: tuple[Note, ...] = ()
    link: str = ""
    anchor: str = ""
    of: str = ""
    rows: int = 1


@dataclass(frozen=True)
class GridLine:
    """One line; a stub that spans from above is left out."""

    stubs: list[GridCell]
    cells: list[GridCell]
    rule_above: bool


@dataclass(frozen=True)
class TableGrid:
    """One block: caption, headings with spans, lines."""

    title: str
    intro: str
    stubs: tuple[str, ...]
    groups: list[tuple[str, int]]
    headings: tuple[str, ...]
    lines: list[GridLine]
    is_stand_in: bool
    is_detail: bool


Link = Callable[[tuple[str, str]], str]


def grid(block: Block, note: Callable[[str], str], link: Link, anchor: Link) -> TableGrid:
    """Prepare a block.

    Args:
        block: laid out.
        note: mark -> anchor of its footnote.
        link: (row, column) -> anchor of its evidence.
        anchor: (row, column) -> name of the place, empty if another grid has it already; called once for each place.
    """
    # from the last line up: where a row has a line for the paper's number and one for ours, the link back leads to ours
    lines = [_line(line, note, link, anchor) for line in reversed(block.lines)][::-1]
    groups = [(name, len(list(columns))) for name, columns in groupby(block.groups)] if any(block.groups) else []
    return TableGrid(
        title=block.title,
        intro=block.intro,
        stubs=block.stubs,
        groups=groups,
        headings=block.headings,
        lines=_spanned(lines),
        is_stand_in=block.is_stand_in,
        is_detail=block.is_detail,
    )


def _line(line: Line, note: Callable[[str], str], link: Link, anchor: Link) -> GridLine:
    return GridLine(
        stubs=[_cell(text, note) for text in line.stub],
        cells=[_linked(text, note, link, anchor) for text in line.cells],
        rule_above=line.rule_above,
    )


def _cell(text: Text, note: Callable[[str], str]) -> GridCell:
    body, _, last = text.text.rpartition(" ")
    notes = tuple(Note(mark, note(mark)) for mark in text.marks)
    if last in _MARKS:
        return GridCell(body, last, *_MARKS[last], style=text.style, notes=notes)
    return GridCell(text.text, style=text.style, notes=notes)


def _linked(text: Text, note: Callable[[str], str], link: Link, anchor: Link) -> GridCell:
    cell = _cell(text, note)
    if text.place is None:
        return cell
    return replace(cell, link=link(text.place), anchor=anchor(text.place), of=", ".join(text.place))


def _spanned(lines: list[GridLine]) -> list[GridLine]:
    """Let a first stub span the lines below it that have none of their own."""
    spanned: list[GridLine] = []
    for place, line in enumerate(lines):
        if not line.stubs[0].text and place:
            spanned.append(replace(line, stubs=line.stubs[1:]))
            continue
        rows = next((i for i, other in enumerate(lines[place + 1 :], 1) if other.stubs[0].text), len(lines) - place)
        spanned.append(replace(line, stubs=[replace(line.stubs[0], rows=rows), *line.stubs[1:]]))
    return spanned
