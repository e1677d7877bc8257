r"""A laid-out table as LaTeX: one `table*` per block, so that stand-ins are never in the float of published numbers.

Needs `\usepackage{booktabs,amssymb,graphicx}`.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from results.tables.document import Block, Document, Line, Text

WIDE = 10  # columns beside the stubs; more are shrunk to the width of the page

_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "$": r"\$",
        "&": r"\&",
        "#": r"\#",
        "%": r"\%",
        "_": r"\_",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\textquotedbl{}",
        "[": "{[}",  # after a line's \\ a bare bracket would be read as its optional argument
        "]": "{]}",
        "*": "{*}",  # likewise
        "±": r"$\pm$",
        "−": "$-$",
        "≈": r"$\approx$",
        "≠": r"$\neq$",
        "≤": r"$\leq$",
        "≥": r"$\geq$",
        "×": r"$\times$",
        "▲": r"$\blacktriangle$",
        "▼": r"$\blacktriangledown$",
        "↑": r"$\uparrow$",
        "↓": r"$\downarrow$",
        "→": r"$\rightarrow$",
        "–": "--",
        "†": r"\dag{}",
        "‡": r"\ddag{}",
        "…": r"\dots{}",
    }
)


def latex(document: Document) -> str:
    r"""Write a document as LaTeX.

    Args:
        document: a laid-out table.

    Returns:
        The text, ending in a newline; to be read with `\input`.
    """
    label = document.name.partition("@")[0].replace("/", "-")
    parts = [
        f"% Table {document.name}, scale {document.scale}, written by contrastbench. Needs \\usepackage[T1]{{fontenc}} and "
        "\\usepackage{booktabs,amssymb,graphicx}."
    ]
    for number, block in enumerate(document.blocks):
        first = number == 0
        head = f"{escape(document.title)}. {escape(document.source)} " if first else ""
        below = _below(document) if first else []
        parts.append(_table(block, head, f"tab:{label}" if first else f"tab:{label}-{number + 1}", below))
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Escape text so that LaTeX prints it as it is, on one line."""
    return " ".join(text.split()).translate(_ESCAPES)


def _table(block: Block, head: str, label: str, below: list[str]) -> str:
    stubs, columns = len(block.stubs), len(block.headings)
    # wider than a page at its natural size, and not to be enlarged where it is narrower
    before, after = ([r"\resizebox{\linewidth}{!}{%"], ["}"]) if columns > WIDE else ([], [])
    lines = [
        r"\begin{table*}[t]",
        r"\centering\small",
        rf"\caption{{{head}\textbf{{{escape(block.title)}.}} {escape(block.intro)}}}",
        rf"\label{{{label}}}",
        *before,
        rf"\begin{{tabular}}{{{'l' * stubs}{'r' * columns}}}",
        r"\toprule",
        *_group_headings(block),
        _row([*map(escape, block.stubs), *map(escape, block.headings)]),
        r"\midrule",
    ]
    for number, line in enumerate(block.lines):
        if line.rule_above and number:
            lines.append(r"\midrule")
        elif line.stub[0].text and number and len(block.stubs) > 1 and not block.lines[number - 1].stub[0].text:
            lines.append(r"\addlinespace[2pt]")
        lines.append(_row([*(_text(text) for text in line.stub), *_cells(line)]))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", *after, *below, r"\end{table*}"])


def _group_headings(block: Block) -> list[str]:
    if not any(block.groups):
        return []
    spans, rules, at = [], [], len(block.stubs) + 1
    for group, members in groupby(block.groups):
        width = len(list(members))
        spans.append(rf"\multicolumn{{{width}}}{{c}}{{{escape(group)}}}")
        if group:
            rules.append(rf"\cmidrule(lr){{{at}-{at + width - 1}}}")
        at += width
    return [_row([""] * len(block.stubs) + spans), "".join(rules)]


def _cells(line: Line) -> Iterable[str]:
    """Neighbouring cells that say the same in words become one."""
    for text, members in groupby(line.cells):
        width = len(list(members))
        if width > 1 and text.style == "quiet":
            yield rf"\multicolumn{{{width}}}{{c}}{{{_text(text)}}}"
        else:
            yield from [_text(text)] * width


def _text(text: Text) -> str:
    written = escape(text.text)
    if written and text.style == "strong":
        written = rf"\textbf{{{written}}}"
    elif written and text.style == "quiet":
        written = rf"\textit{{{written}}}"
    return written + (rf"\textsuperscript{{{','.join(map(escape, text.marks))}}}" if text.marks else "")


def _row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _below(document: Document) -> list[str]:
    notes = [rf"\textsuperscript{{{escape(mark)}}}\,{escape(note)}" for mark, note in document.notes]
    text = [*map(escape, (*document.lead, *document.paragraphs)), *notes]
    if not text:
        return []
    body = " \\par\n".join(text)
    return [r"\par\medskip", r"\begin{minipage}{\linewidth}\footnotesize\raggedright", body, r"\end{minipage}"]
