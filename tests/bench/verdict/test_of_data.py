"""Cells about the data itself, from a table to its text."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from pydantic import ValidationError

from bench.base.home import Home
from bench.plan.grid import Grid
from bench.schema.cell import Cell, Measured
from bench.schema.table import CountedImages, Table, load_table
from bench.verdict.cells import cells_of
from bench.verdict.of_data import of_training_images
from bench.verdict.stats import verdict
from results.tables.layout import lay_out
from results.tables.writers.markdown import markdown


@pytest.fixture
def seasons(tmp_path: Path) -> Path:
    """The data set with fewer images than the paper's, and those of one domain missing one."""
    for split, domain, count in [
        (split, domain, 3 if (split, domain) == ("test", "winter") else 4)
        for split in ("train", "test")
        for domain in ("spring", "summer", "autumn", "winter")
    ]:
        folder = tmp_path / "data" / "seasons" / split / domain
        folder.mkdir(parents=True)
        for i in range(count):
            Image.new("RGB", (4, 4)).save(folder / f"{i}.png")
    return tmp_path / "data"


def planned(tmp_path: Path, data: Path, name: str = "src-hdce/data-sets") -> tuple[Table, list[Cell]]:
    grid = Grid(Home(tmp_path / "runs", data))
    table = load_table(name)
    grid.add_table(table, "smoke")
    assert not grid.runs
    return table, cells_of(grid)


def test_images_that_are_here_are_counted(tmp_path, seasons) -> None:
    table, cells = planned(tmp_path, seasons)
    spring, *_, validation, weather, _ = cells
    assert (spring.state, spring.comparability) == ("done", "deviating")
    assert spring.value is not None
    assert spring.value.mean == 4
    assert spring.deviations == ["4 images of spring are here, 1,208 are published"]
    assert validation.value is not None
    assert validation.value.mean == 3  # the smallest domain
    assert len(validation.deviations) == 4
    assert weather.state == "not available"
    assert "data set weather is not here" in weather.reason
    text = markdown(lay_out(table, cells))
    assert "**4 ≠**" in text
    assert "another number of images than published" in text
    assert "n = 1" not in text
    assert "(n=1)" not in text


def test_as_many_as_published_is_as_published(tmp_path, seasons, monkeypatch) -> None:
    table = load_table("src-hdce/data-sets")
    grid = Grid(Home(tmp_path / "runs", seasons))
    entries = [entry.model_copy(update={"published": 4.0}) for entry in table.cells()]
    monkeypatch.setattr(Table, "cells", lambda self: entries)
    grid.add_table(table, "smoke")
    cell = cells_of(grid)[0]
    assert (cell.comparability, cell.deviations) == ("as published", [])


@pytest.mark.parametrize("name", ["cut/data-sets", "src-hdce/data-sets"])
def test_without_the_data_every_cell_says_how_to_get_it(tmp_path, name: str) -> None:
    table, cells = planned(tmp_path, tmp_path / "nothing", name)
    assert {cell.state for cell in cells} == {"not available"}
    assert all("is not here" in cell.reason for cell in cells)
    assert all(cell.published for cell in cells)
    assert "not available" in markdown(lay_out(table, cells))


def share(row: str, value: Measured | None, column: str = "zebras") -> Cell:
    return Cell(
        paper="p", table="p/t", row=row, column=column, method="m", protocol="asked@1", ran_as="ran@1", scale="smoke",
        metric="zebra-share", scored_as="land-share", higher_is_better=None, published=None, state="done",
        comparability="stand-in", measured={} if value is None else {"last": value},
    )  # fmt: skip


def test_training_images_get_what_a_method_was_measured_beside() -> None:
    value = Measured(
        metric="land-share", checkpoint="last", values={0: 3.0, 1: 5.0}, score_keys={0: "k"}, mean=4.0, ceiling=20.1
    )
    empty = share("training images", None).model_copy(
        update={"ran_as": None, "scored_as": None, "state": "not run", "reason": "later", "comparability": None}
    )
    others = [empty, share("other column", value.model_copy(update={"ceiling": 1.0}), "horses"), share("CUT", value)]
    cell = of_training_images(empty, others)
    assert (cell.state, cell.reason, cell.ran_as, cell.comparability) == ("done", "", "ran@1", "stand-in")
    assert cell.value is not None
    assert (cell.value.values, cell.value.mean, cell.value.ceiling) == ({0: 20.1}, 20.1, None)
    assert of_training_images(empty, others[:2]) == empty


def test_a_verdict_on_a_number_that_should_come_near_to_another() -> None:
    ours = [33.9, 34.0, 34.1]
    assert verdict(34.0, ours, None, aim=36.8) == "consistent"
    assert verdict(31.0, ours, None, aim=36.8) == "better"
    assert verdict(37.0, ours, None, aim=36.8) == "worse"
    assert verdict(50.0, ours, None, aim=36.8) == "better"
    assert verdict(31.0, ours, None) == "underpowered"


def test_the_row_of_training_images_is_the_columns_aim() -> None:
    cells = load_table("cut/distribution-matching").cells()
    assert {cell.aim for cell in cells} == {36.8}
    assert [cell.row for cell in cells if cell.is_target] == ["training images"]


def test_rows_about_images_have_no_method_and_columns_without_protocol_count() -> None:
    table = load_table("cut/data-sets").model_dump()
    table["rows"][0]["method"] = "cut"
    with pytest.raises(ValidationError, match="is about images, and has no method"):
        Table.model_validate(table)
    table["rows"][0] |= {"method": None, "counted": None}
    with pytest.raises(ValidationError, match="counted: must be given"):
        Table.model_validate(table)
    with pytest.raises(ValidationError, match="a protocol, or data"):
        CountedImages(split="train", streams=["A"])
