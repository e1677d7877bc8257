"""Markdown, read back by an independent parser."""

from __future__ import annotations

import html
import re

import pytest
from markdown_it import MarkdownIt

from bench.schema.cell import Cell
from bench.schema.table import Table
from results.tables.layout import lay_out
from results.tables.writers.markdown import escape, markdown


def rendered(text: str) -> str:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)


def plain(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", page)).strip()


NASTY = [
    "a|b", "*bold*", "_it_ under_score", "<b>no</b> & &amp;", "`code` \\n", "$x_1$ costs $5", "[link](x) ~~gone~~",
    "50 % of #1", "ümlaut – ± ≈", "-1", "two\nlines",
]  # fmt: skip


@pytest.mark.parametrize("text", NASTY)
def test_escaped_text_is_shown_as_it_is(text: str) -> None:
    shown = " ".join(text.split())
    assert plain(rendered("word " + escape(text))) == "word " + shown
    cells = re.findall(r"<td[^>]*>(.*?)</td>", rendered(f"| a | b |\n| - | - |\n| {escape(text)} | end |"))
    assert [plain(cell) for cell in cells] == [shown, "end"]


@pytest.mark.parametrize("name", ["every_kind", "smoke", "no_data"])
def test_tables_keep_their_shape(name: str, table: Table, request: pytest.FixtureRequest) -> None:
    document = lay_out(table, request.getfixturevalue(name))
    grids = re.findall(r"<table>.*?</table>", rendered(markdown(document)), flags=re.DOTALL)
    assert len(grids) == len(document.blocks)
    for grid, block in zip(grids, document.blocks, strict=True):
        rows = re.findall(r"<tr>.*?</tr>", grid, flags=re.DOTALL)
        assert len(rows) == len(block.lines) + 1
        width = len(block.stubs) + len(block.headings)
        assert {len(re.findall(r"<t[dh]", row)) for row in rows} == {width}
        for row, line in zip(rows[1:], block.lines, strict=True):
            for cell, text in zip(re.findall(r"<td[^>]*>(.*?)</td>", row), (*line.stub, *line.cells), strict=True):
                assert plain(re.sub("<sup>.*?</sup>", "", cell)) == text.text


def test_notes_and_special_characters_in_labels(table: Table, no_data: list[Cell]) -> None:
    rows = [row.model_copy(update={"label": "A|B*"}) if row.label == "CUT" else row for row in table.rows]
    renamed = [cell.model_copy(update={"row": "A|B*"}) if cell.row == "CUT" else cell for cell in no_data]
    page = plain(rendered(markdown(lay_out(table.model_copy(update={"rows": rows}), renamed))))
    assert "A|B*" in page
    assert "horse2zebra | photos: put them under DIR_50%/trainA & run `contrastbench data prepare`; see $HOME" in page
