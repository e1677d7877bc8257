"""LaTeX: no pdflatex here, so balance, column counts and escaping are checked by reading the source."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from bench.schema.cell import Cell
from bench.schema.table import Table, load_table
from results.tables.layout import lay_out
from results.tables.writers.latex import escape, latex


def assert_well_formed(source: str) -> None:
    """Environments and braces nest, and no special character is left bare."""
    stack = []
    for kind, name in re.findall(r"\\(begin|end)\{([^}]*)\}", source):
        if kind == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    assert stack == []
    body = "\n".join(line for line in source.splitlines() if not line.startswith("%"))
    bare = re.sub(r"\\[\\{}$&#%_,]", "", body)  # what is escaped no longer counts
    depth = 0
    for character in bare:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    assert bare.count("$") % 2 == 0
    assert not re.search(r"[#%_~^]", re.sub(r"\\label\{[^}]*\}", "", bare))


def widths(source: str) -> list[tuple[int, set[int]]]:
    """For each tabular: its number of columns, and the numbers of columns its lines fill."""
    found = []
    for spec, body in re.findall(r"\\begin\{tabular\}\{(\w+)\}(.*?)\\end\{tabular\}", source, flags=re.DOTALL):
        filled = set()
        for line in re.findall(r"^(.*) \\\\$", body, flags=re.MULTILINE):
            spans = [int(number) - 1 for number in re.findall(r"\\multicolumn\{(\d+)\}", line)]
            filled.add(len(re.split(r"(?<!\\)&", line)) + sum(spans))
        found.append((len(spec), filled))
    return found


@pytest.mark.parametrize("name", ["every_kind", "smoke", "no_data"])
def test_compiles_as_far_as_reading_tells(name: str, table: Table, request: pytest.FixtureRequest) -> None:
    document = lay_out(table, request.getfixturevalue(name))
    source = latex(document)
    assert_well_formed(source)
    assert source.count(r"\begin{table*}") == len(document.blocks)  # a stand-in is never in the float of the print
    assert all(filled == {columns} for columns, filled in widths(source))
    labels = re.findall(r"\\label\{([^}]*)\}", source)
    assert len(set(labels)) == len(labels)


def test_every_symbol_of_ours_has_a_command(table: Table, every_kind: list[Cell]) -> None:
    assert latex(lay_out(table, every_kind)).isascii()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("50% & #1_a", r"50\% \& \#1\_a"),
        ("{x}^2 ~", r"\{x\}\textasciicircum{}2 \textasciitilde{}"),
        ("C:\\new $5", r"C:\textbackslash{}new \$5"),
        ("[1] *2", "{[}1{]} {*}2"),
        ("a\nb\t c", "a b c"),
        ("47 ± 2 ≈", r"47 $\pm$ 2 $\approx$"),
    ],
)
def test_escape(text: str, written: str) -> None:
    assert escape(text) == written
    assert_well_formed(escape(text))


def test_special_characters_in_labels_and_reasons(table: Table, no_data: list[Cell]) -> None:
    label = r"[50%_{&}] \x^~#"
    rows = [row.model_copy(update={"label": label}) if row.label == "CUT" else row for row in table.rows]
    renamed = [cell.model_copy(update={"row": label}) if cell.row == "CUT" else cell for cell in no_data]
    source = latex(lay_out(table.model_copy(update={"rows": rows}), renamed))
    assert_well_formed(source)
    assert all(filled == {columns} for columns, filled in widths(source))


def test_only_tables_wider_than_a_page_are_shrunk(table: Table, smoke: list[Cell], kinds: SimpleNamespace) -> None:
    assert "resizebox" not in latex(lay_out(table, smoke))
    wide = load_table("dual-contrastive/5")
    text = latex(lay_out(wide, [kinds.cell(entry) for entry in wide.cells()]))
    first, *rest = text.split(r"\begin{table*}")[1:]
    assert re.search(
        r"\\resizebox\{\\linewidth\}\{!\}\{%\n\\begin\{tabular\}\{llr{21}\}\n.*\\end\{tabular\}\n\}\n", first, re.S
    )
    assert not any("resizebox" in block for block in rest)
