"""A laid-out block of a table for the page: bodies of lines, links from cells to their evidence, reasons said once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
        link: anchor of the evidence, or of the block that has the number; empty where there is none.
        anchor: of this cell, for the link back from its evidence.
        of: row and column whose evidence the link leads to, as text; empty if it leads elsewhere.
        rows: how many rows it spans.
        columns: numbers of the columns it spans, none for a stub.
        floor: what real images get by the same metric; empty where the block has a line of that, or it is not known.
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
    columns: tuple[int, ...] = ()
    floor: str = ""


@dataclass(frozen=True)
class GridLine:
    """One line; a stub that spans from above is left out."""

    stubs: list[GridCell]
    cells: list[GridCell]
    rule_above: bool


@dataclass(frozen=True)
class Body:
    """The lines under one label.

    Attributes:
        method: the label where it names a method, by which readers choose; empty for what always stays.
        lines: at least one.
    """

    method: str
    lines: list[GridLine]


@dataclass(frozen=True)
class Heading:
    """A column's heading, and the metric by which readers choose it; empty for what always stays."""

    text: str
    metric: str


@dataclass(frozen=True)
class Said:
    """So many cells that have the same to say instead of a number, and where that is."""

    count: int
    text: str
    link: str


@dataclass(frozen=True)
class TableGrid:
    """One block.

    Attributes:
        title, intro: its caption.
        anchor: of the block.
        stubs, groups, headings: of its columns; a group with the numbers of its columns.
        bodies: its lines.
        said: instead of the lines of ours, where none of them has a number.
        is_sortable: whether its lines can stand in any order.
        is_stand_in, is_detail: as of `Block`.
    """

    title: str
    intro: str
    anchor: str
    stubs: tuple[str, ...]
    groups: list[tuple[str, tuple[int, ...]]]
    headings: list[Heading]
    bodies: list[Body]
    is_sortable: bool
    is_stand_in: bool
    is_detail: bool
    said: list[Said] = field(default_factory=list)


Link = Callable[[tuple[str, str]], str]


@dataclass(frozen=True)
class Places:
    """Where a grid's links lead.

    Attributes:
        note: mark -> anchor of its footnote.
        evidence: (row, column) -> anchor of its evidence.
        origin: (row, column) -> name of the place, empty if another grid has it already; called once for each place.
        blocks: what a cell says instead of a number, such as `see B2` -> anchor of the block that has it.
        floor: (row, column) -> what real images get, as text.
    """

    note: Callable[[str], str]
    evidence: Link
    origin: Link
    blocks: Mapping[str, str] = field(default_factory=dict)
    floor: Link = lambda _: ""


def grid(block: Block, anchor: str, places: Places) -> TableGrid:
    """Prepare a block.

    Args:
        block: laid out.
        anchor: of the block.
        places: where links lead.
    """
    lines, said = _without_empty_lines(block, places)
    # from the last line up: where a row has a line for the paper's number and one for ours, the link back leads to ours
    prepared = [_line(line, places) for line in reversed(lines)][::-1]
    stubs = block.stubs if not said else block.stubs[:1]
    if said:
        prepared = [replace(line, stubs=line.stubs[:1]) for line in prepared]
    bodies = _bodies(prepared)
    numbered = groupby(range(len(block.groups)), key=lambda column: block.groups[column])
    return TableGrid(
        title=block.title if not said else block.title.partition(",")[0],
        intro=block.intro if not said else "No number of ours was measured as published.",
        anchor=anchor,
        stubs=stubs,
        groups=[(name, tuple(columns)) for name, columns in numbered] if any(block.groups) else [],
        headings=[Heading(text, "" if block.is_detail else _metric(text)) for text in block.headings],
        bodies=bodies,
        is_sortable=len(bodies) > 1 and (len(stubs) == 1 or not stubs[1]),
        is_stand_in=block.is_stand_in,
        is_detail=block.is_detail,
        said=said,
    )


def _metric(heading: str) -> str:
    """A heading without its arrow; one that has none is of no metric."""
    name, _, sign = heading.rpartition(" ")
    return name if sign in ("↑", "↓", "→") else ""


def _without_empty_lines(block: Block, places: Places) -> tuple[Sequence[Line], list[Said]]:
    """The lines, without those of ours if they hold no number at all; then what they say is counted instead."""
    ours = [line for line in block.lines if len(line.stub) > 1 and line.stub[1].text == "ours"]
    texts = [text for line in ours for text in line.cells]
    if not texts or any(text.style != "quiet" or text.marks for text in texts):
        return block.lines, []
    counts = Counter(text.text for text in texts)
    said = [Said(count, text, places.blocks.get(text, "")) for text, count in counts.items()]
    return [line for line in block.lines if line not in ours], said


def _line(line: Line, places: Places) -> GridLine:
    return GridLine(
        stubs=[_cell(text, places) for text in line.stub],
        cells=[_linked(cell, texts[0], places) for cell, texts in _said_once(line, places)],
        rule_above=line.rule_above,
    )


def _said_once(line: Line, places: Places) -> list[tuple[GridCell, list[Text]]]:
    """The cells of a line with their texts; neighbours that say the same instead of a number become one cell."""
    joined: list[tuple[GridCell, list[Text]]] = []
    for column, text in enumerate(line.cells):
        if joined and text.style == "quiet" and replace(text, place=None) == replace(joined[-1][1][-1], place=None):
            cell, texts = joined[-1]
            joined[-1] = replace(cell, columns=(*cell.columns, column)), [*texts, text]
        else:
            joined.append((replace(_cell(text, places), columns=(column,)), [text]))
    return joined


def _cell(text: Text, places: Places) -> GridCell:
    body, _, last = text.text.rpartition(" ")
    notes = tuple(Note(mark, places.note(mark)) for mark in text.marks)
    if last in _MARKS:
        return GridCell(body, last, *_MARKS[last], style=text.style, notes=notes)
    return GridCell(text.text, style=text.style, notes=notes)


def _linked(cell: GridCell, text: Text, places: Places) -> GridCell:
    """The cell with its links, by the first of its texts."""
    if text.place is None:
        return cell
    if text.style == "quiet" and text.text in places.blocks:
        return replace(cell, link=places.blocks[text.text], anchor=places.origin(text.place))
    found = replace(cell, link=places.evidence(text.place), anchor=places.origin(text.place), of=", ".join(text.place))
    return found if text.style == "quiet" else replace(found, floor=places.floor(text.place))


def _bodies(lines: list[GridLine]) -> list[Body]:
    """Lines under one label stand together, and the label spans them."""
    bodies: list[Body] = []
    for line in lines:
        if bodies and not line.stubs[0].text:
            bodies[-1].lines.append(replace(line, stubs=line.stubs[1:]))
        else:
            bodies.append(Body("", [line]))
    return [_named(body) for body in bodies]


def _named(body: Body) -> Body:
    first, *others = body.lines
    label = replace(first.stubs[0], rows=len(body.lines))
    is_linked = any(cell.link for line in body.lines for cell in line.cells)
    return Body(label.text if is_linked else "", [replace(first, stubs=[label, *first.stubs[1:]]), *others])
