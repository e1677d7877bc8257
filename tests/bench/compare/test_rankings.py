import pytest

from bench.compare.rankings import scale_rankings
from bench.schema.cell import Cell, Measured, TableCells


def cell(row: str, published: float | None, ours: float | None, **changes: object) -> Cell:
    measured = Measured(metric="FD-EffLite0", checkpoint="last", values={0: ours or 0.0}, score_keys={0: row})
    content = {
        "paper": "p", "table": "p/t@1", "row": row, "column": "FID", "method": row, "protocol": "horse2zebra@1",
        "ran_as": "earth@1", "scale": "mini", "metric": "FID", "scored_as": "FD-EffLite0", "higher_is_better": False,
        "published": published, "state": "not run" if ours is None else "done",
        "measured": {} if ours is None else {"last": measured},
    }  # fmt: skip
    return Cell.model_validate(content | changes)


@pytest.fixture
def home(toys):
    cells = [cell("a", 10, 1), cell("b", 20, 2), cell("c", 30, 4), cell("d", 40, 3), cell("e", 50, 5)]
    cells += [
        cell("f", 60, None),
        cell("g", None, 7),
        cell("h", 70, 0.1, ran_as="other@1"),
    ]  # no pairs of this protocol
    path = toys.home.table("p/t", "mini") / "cells.json"
    path.parent.mkdir(parents=True)
    TableCells(table="p/t@1", cells=cells).write(path, path.parent.name)
    return toys.home


def test_a_scale_against_what_is_published(home):
    (found,) = scale_rankings(home, "earth@1", "mini")
    assert (found.table, found.column, found.metric, found.methods) == ("p/t@1", "FID", "FD-EffLite0", 5)
    assert found.tau == pytest.approx(0.8)  # one of ten pairs is the other way round
    assert found.interval.low < 0.8 < found.interval.high <= 1


def test_a_scale_or_protocol_without_a_table_has_none(home):
    assert scale_rankings(home, "earth@1", "smoke") == []
    assert scale_rankings(home, "other@1", "mini") == []  # one method is no ranking


def test_a_damaged_table_is_left_out(home):
    path = home.table_cells()[0]
    path.write_text(path.read_text().replace('"e"', '"x"'))
    assert scale_rankings(home, "earth@1", "mini") == []


def test_a_metric_of_the_other_direction_is_turned(toys):
    cells = [cell(row, 10 * i, -i, scored_as="SSIM") for i, row in enumerate("abc")]
    path = toys.home.table("p/t", "mini") / "cells.json"
    path.parent.mkdir(parents=True)
    TableCells(table="p/t@1", cells=cells).write(path, path.parent.name)
    (found,) = scale_rankings(toys.home, "earth@1", "mini")
    assert found.tau == 1  # SSIM is better the higher it is, FID the lower
    assert found.interval is None
