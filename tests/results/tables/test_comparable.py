"""What may stand beside a published number, and how measurements are written."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from bench.schema.cell import Interval, Measured
from bench.schema.table import Table
from results.tables.comparable import decimals_for, gap, is_stand_in, may_stand_against_published, measured_text


@pytest.mark.parametrize(
    ("fields", "stand_in"),
    [
        ({}, False),
        ({"comparability": "deviating"}, False),
        ({"comparability": "stand-in"}, True),
        # a label that its own data or metric contradicts does not help
        ({"ran_as": "earth-relief2sat@1"}, True),
        ({"scored_as": "FD-EffLite0"}, True),
    ],
)
def test_only_the_same_data_and_metric_may(
    table: Table, kinds: SimpleNamespace, fields: dict[str, str], stand_in: bool
) -> None:
    made = kinds.as_published(table.cells()[0], [50.0], None, **fields)
    assert is_stand_in(made) is stand_in
    assert may_stand_against_published(made) is not stand_in


def test_a_cell_without_comparability_may_not(table: Table, kinds: SimpleNamespace) -> None:
    assert not may_stand_against_published(kinds.as_published(table.cells()[0], [50.0], None, comparability=None))


@pytest.mark.parametrize(
    ("values", "kind", "text"),
    [
        ([46.12], "evaluation", "46.1 (n=1)"),
        ([46.0, 48.0], "seeds", "47.0 ± 2.5 (n=2)"),
        ([46.0, 47.0, 48.0], "seeds", "47.0 ± 2.5"),
        # noise of scoring one model is no spread over seeds
        ([46.0, 47.0, 48.0], "evaluation", "47.0 (n=3)"),
        ([46.0, 47.0, 48.0], None, "47.0 (n=3)"),
    ],
)
def test_measured_text(values: list[float], kind: str | None, text: str) -> None:
    mean = sum(values) / len(values)
    interval = Interval(low=mean - 2.5, high=mean + 2.5, kind=kind, method="t") if kind else None
    by_seed = dict(enumerate(values))
    made = Measured(metric="FID", checkpoint="last", values=by_seed, score_keys={}, interval=interval)
    assert measured_text(made, 1) == text


@pytest.mark.parametrize(
    ("values", "decimals"), [([123.0, 0.1], 1), ([-3.2], 2), ([0.23], 3), ([0.0417], 4), ([math.nan], 4), ([], 4)]
)
def test_decimals(values: list[float], decimals: int) -> None:
    assert decimals_for(values) == decimals


def test_gap_is_positive_when_the_test_set_flatters(table: Table, kinds: SimpleNamespace) -> None:
    fid, mean_iou = table.cells()[:2]
    assert gap(kinds.as_published(fid, [50.0], None)) == 4.0  # 50 at last, 46 at best-on-test
    assert gap(kinds.as_published(mean_iou, [20.0], None)) == -4.0
    only_last = kinds.as_published(fid, [50.0], None, measured={"last": kinds.measured("FID", [50.0])})
    assert gap(only_last) is None
