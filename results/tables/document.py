"""A table ready to be written: text in its places, still without any file format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Text:
    """One piece of text.

    Attributes:
        text: plain text; writers escape it.
        marks: footnote marks behind it.
        style: `strong` for our comparable numbers, `quiet` for words that stand where a number would.
        place: (row, column) of the cell that it tells about, for writers that can lead to its evidence.
    """

    text: str
    marks: tuple[str, ...] = ()
    style: Literal["plain", "strong", "quiet"] = "plain"
    place: tuple[str, str] | None = None


@dataclass(frozen=True)
class Line:
    """One line of a block: its stub (row label, and whose number it is) and its cells."""

    stub: tuple[Text, ...]
    cells: tuple[Text, ...]
    rule_above: bool = False


@dataclass(frozen=True)
class Block:
    """One grid of text.

    Attributes:
        title: one line.
        intro: what a reader must know before reading a number.
        stubs: headings of the stub columns.
        groups: heading shared by neighbouring columns, one per column; empty text where there is none.
        headings: one per column.
        lines: from top to bottom.
        is_stand_in: its numbers may not be compared with published ones.
        is_detail: it says more about the block before it.
    """

    title: str
    intro: str
    stubs: tuple[str, ...]
    groups: tuple[str, ...]
    headings: tuple[str, ...]
    lines: tuple[Line, ...]
    is_stand_in: bool = False
    is_detail: bool = False


@dataclass
class Footnotes:
    """Numbers notes with letters in order of appearance; equal notes share a letter."""

    letters: dict[str, str] = field(default_factory=dict)

    def mark(self, note: str) -> str:
        """The letter of a note."""
        alphabet = "abcdefghijklmnoprstuvwxyz"  # no q: Unicode long had no superscript of it, which the terminal needs
        if note not in self.letters:
            rounds, place = divmod(len(self.letters), len(alphabet))
            self.letters[note] = alphabet[place] * (rounds + 1)
        return self.letters[note]

    def notes(self) -> list[tuple[str, str]]:
        """(letter, note) in order of appearance."""
        return [(letter, note) for note, letter in self.letters.items()]


@dataclass(frozen=True)
class Document:
    """One paper's table with everything that explains it.

    Attributes:
        name: `PAPER/TABLE@VERSION`.
        scale: at which it was run.
        title, source: what it is and where it is printed.
        blocks: first the published numbers, then, apart from them, what was measured on stand-ins.
        paragraphs: the legend and remarks.
        notes: (mark, text).
        lead: what it answers, before all else.
    """

    name: str
    scale: str
    title: str
    source: str
    blocks: tuple[Block, ...]
    paragraphs: tuple[str, ...]
    notes: tuple[tuple[str, str], ...]
    lead: tuple[str, ...] = ()
