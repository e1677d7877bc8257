"""Cells as frames: nothing is lost, and nothing from a stand-in reaches a column meant for comparison."""

from __future__ import annotations

import pandas as pd
import pytest

from bench.schema.cell import CHECKPOINTS, Cell
from bench.schema.table import Table
from results.tables.frame import COLUMNS, cells_frame, wide


def test_one_line_per_cell_and_checkpoint(every_kind: list[Cell]) -> None:
    frame = cells_frame(every_kind)
    own = frame[frame["role"] == "cell"]
    for cell in every_kind:
        mine = own[(own["row"] == cell.row) & (own["column"] == cell.column)]
        assert list(mine["checkpoint"].dropna()) == [rule for rule in CHECKPOINTS if rule in cell.measured]
        assert len(mine) == max(1, len(cell.measured))
        assert mine["counts"].sum() == (1 if cell.measured else 0)
        assert set(mine["state"]) == {cell.state}


def test_every_field_of_a_cell_is_a_column() -> None:
    nested = {"measured", "extra"}
    assert set(Cell.model_fields) - nested <= set(COLUMNS)


def test_stand_ins_have_a_column_of_their_own(every_kind: list[Cell]) -> None:
    frame = cells_frame(every_kind)
    stand_in = frame[frame["comparability"] == "stand-in"]
    assert len(stand_in) > 0
    assert stand_in["value"].isna().all()
    assert stand_in["verdict"].isna().all()
    assert frame.loc[frame["comparability"] == "as published", "stand_in_value"].isna().all()
    assert frame.loc[frame["role"] == "extra", "published"].isna().all()


def test_values_and_seeds_survive_csv(every_kind: list[Cell], tmp_path: object) -> None:
    frame = cells_frame(every_kind)
    row = frame[(frame["row"] == "CUT") & (frame["metric"] == "FID") & (frame["checkpoint"] == "last")].iloc[0]
    assert row["value"] == pytest.approx((61.5 + 64.0 + 66.1) / 3)
    assert row["seed_values"] == "0=61.5; 1=64.0; 2=66.1"
    assert (row["n_seeds"], row["verdict"], row["gap"]) == (3, "worse", pytest.approx(4.0))
    assert row["interval_high"] - row["interval_low"] == pytest.approx(3.0)
    path = f"{tmp_path}/t.csv"
    frame.to_csv(path, index=False)
    assert pd.read_csv(path)["value"].sum() == pytest.approx(frame["value"].sum())


def test_wide_is_the_papers_layout(table: Table, every_kind: list[Cell]) -> None:
    frame = wide(every_kind)
    assert list(frame.index) == [row.label for row in table.rows]
    assert list(dict.fromkeys(frame.columns.get_level_values(0))) == [column.label for column in table.columns]
    assert frame.loc["GcGAN", ("Cityscapes FID", "published")] == 105.2
    ours = frame.xs("ours", axis=1, level=1)
    assert ours.drop(columns="Horse→Zebra FID").isna().all(axis=None)
    assert ours["Horse→Zebra FID"].notna().sum() == 5
