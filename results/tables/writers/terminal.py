"""A laid-out table on a terminal, made to fit 100 columns; nothing is said by colour alone."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text as RichText

from bench.base.streams import printable
from results.tables.document import Block, Document, Text

_STYLES = {"plain": "", "strong": "bold", "quiet": "dim italic"}
_RAISED = str.maketrans("abcdefghijklmnoprstuvwxyz", "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ")


def terminal(document: Document) -> Iterator[RenderableType]:
    """Turn a document into renderables for a rich console.

    Args:
        document: a laid-out table.

    Yields:
        Renderables from top to bottom.
    """
    yield RichText(f"\n{printable(document.title)}", style="bold")
    yield RichText(f"{document.source} Table {document.name}, scale {document.scale}.")
    for text in document.lead:
        yield RichText(_flat(text), style="bold")
    for block in document.blocks:
        yield RichText(f"\n{block.title}", style="bold")
        yield RichText(block.intro)
        yield _grid(block)
    for text in document.paragraphs:
        yield Padding(RichText(_flat(text)), (1, 0, 0, 0))
    if document.notes:
        yield RichText("")
    for mark, note in document.notes:
        row = RichTable.grid(padding=(0, 1, 0, 0))
        row.add_row(RichText(mark), RichText(_flat(note), overflow="fold"))
        yield row


def _grid(block: Block) -> RichTable:
    # five columns of words ("not implemented") just fit 100 columns without further space between them
    space = 0 if len(block.headings) >= 5 else 1
    grid = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, space, 0, 0), show_edge=False)
    grouped = any(block.groups)
    for stub in block.stubs:
        grid.add_column(RichText(f"\n{stub}" if grouped else stub))
    for group, heading in zip(block.groups, block.headings, strict=True):
        if len(block.headings) > 5 and not grouped:  # rich cuts words that it could have wrapped
            heading = heading.replace(" ", "\n")
        grid.add_column(RichText(f"{group}\n{heading}" if grouped else heading), justify="right")
    for number, line in enumerate(block.lines):
        if line.rule_above and number:
            grid.add_section()
        grid.add_row(*(_text(text) for text in (*line.stub, *line.cells)))
    return grid


def _text(text: Text) -> RichText:
    marks = " ".join(mark.translate(_RAISED) for mark in text.marks) if len(text.marks) > 1 else "".join(text.marks)
    return RichText(_flat(text.text) + marks.translate(_RAISED), style=_STYLES[text.style])


def _flat(text: str) -> str:
    return printable(" ".join(text.split()))
