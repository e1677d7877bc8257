"""A laid-out table as Markdown that code hosts render (GitHub-flavoured: pipe tables, <sup> for footnote marks)."""

from __future__ import annotations

import re

from results.tables.document import Block, Document, Text

# An underscore between word characters is plain text, everything else here would be read as markup (`$`: formulas).
_SPECIAL = re.compile(r"([\\`*\[\]|~$]|(?<!\w)_|_(?!\w))")


def markdown(document: Document) -> str:
    """Write a document as Markdown.

    Args:
        document: a laid-out table.

    Returns:
        The text, ending in a newline.
    """
    parts = [
        f"# {escape(document.title)}",
        f"{escape(document.source)} Table `{document.name}`, scale {document.scale}.",
        *(f"**{escape(text)}**" for text in document.lead),
    ]
    for block in document.blocks:
        parts += [f"## {escape(block.title)}", escape(block.intro), _grid(block)]
    parts.append("## How to read this")
    parts += [escape(text) for text in document.paragraphs]
    if document.notes:
        parts.append("\n".join(f"- <sup>{escape(mark)}</sup> {escape(note)}" for mark, note in document.notes))
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Escape text so that it is shown as it is, on one line, also inside a table cell."""
    flat = " ".join(text.split())
    flat = flat.replace("&", "&amp;").replace("<", "&lt;")
    return _SPECIAL.sub(r"\\\1", flat)


def _grid(block: Block) -> str:
    headings = [
        f"{escape(group)}<br>{escape(heading)}" if group else escape(heading)
        for group, heading in zip(block.groups, block.headings, strict=True)
    ]
    rows = [[*map(escape, block.stubs), *headings], [":--"] * len(block.stubs) + ["--:"] * len(headings)]
    rows += [[_cell(text) for text in (*line.stub, *line.cells)] for line in block.lines]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rows[1] = [rule.replace("--", "-" * (width - 1)) for rule, width in zip(rows[1], widths, strict=True)]
    return "\n".join(
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |" for row in rows
    )


def _cell(text: Text) -> str:
    written = escape(text.text)
    if written and text.style == "strong":
        written = f"**{written}**"
    elif written and text.style == "quiet":
        written = f"_{written}_"
    return f"{written}<sup>{','.join(map(escape, text.marks))}</sup>" if text.marks else written
