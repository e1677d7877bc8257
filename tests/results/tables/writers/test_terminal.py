"""The terminal: fits 100 columns, and text is never read as rich markup."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bench.schema.cell import Cell
from bench.schema.table import Table
from results.tables.layout import lay_out
from results.tables.writers.terminal import terminal


def printed(table: Table, cells: list[Cell], width: int = 100) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, no_color=True)
    for part in terminal(lay_out(table, cells)):
        console.print(part)
    return out.getvalue()


@pytest.mark.parametrize("name", ["every_kind", "smoke", "no_data"])
def test_fits_100_columns_without_breaking_a_published_number(
    name: str, table: Table, request: pytest.FixtureRequest
) -> None:
    cells = request.getfixturevalue(name)
    text = printed(table, cells)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 100
    assert "…" not in text  # rich's sign for text that was cut off
    line = next(line for line in text.splitlines() if line.startswith("GcGAN"))
    assert line.split() == ["GcGAN", "paper", "86.7", "21.2", "63.2", "26.6", "105.2"]


def test_states_in_words_fit_one_line(table: Table, smoke: list[Cell]) -> None:
    lines = printed(table, smoke).splitlines()
    below = lines[next(number for number, line in enumerate(lines) if line.startswith("MUNIT")) + 1]
    assert below.count("not implemented") == 5


def test_markup_in_reasons_is_plain_text(table: Table, no_data: list[Cell]) -> None:
    cells = [cell.model_copy(update={"reason": "[red]get[/red] it [/]"}) for cell in no_data]
    assert "not available: [red]get[/red] it [/]" in printed(table, cells)


def test_nothing_is_cut_off_on_a_terminal_of_80_columns(table: Table, smoke: list[Cell]) -> None:
    text = printed(table, smoke, width=80)
    assert "…" not in text
    assert "land-mIoU land-pAcc land-cAcc FD-EffLite0 KD-EffLite0" in text


def test_real_images_are_the_last_line_of_their_block(table: Table, smoke: list[Cell]) -> None:
    lines = [line.split() for line in printed(table, smoke).splitlines()]
    (ceiling,) = (line for line in lines if line[:2] == ["real", "images"])
    assert ceiling[2:] == ["799.8", "799.8", "799.8"]
    assert any(line[:1] == ["Real"] and "segmentation" in line for line in lines)
