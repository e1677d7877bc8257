"""Kendall's tau of a column, against counting pairs by hand."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bench.schema.table import Table
from results.tables.ranking import rank_agreement


def test_counts_concordant_and_discordant_pairs(table: Table, kinds: SimpleNamespace) -> None:
    entries = [entry for entry in table.cells() if entry.column == "Horse→Zebra FID" and not entry.extra]
    chosen = entries[:4]  # printed: 77.2 133.8 140.0 72.0
    ours = [60.0, 130.0, 120.0, 70.0]  # discordant: (1, 4) and (2, 3) of six pairs
    found = rank_agreement(kinds.as_published(e, [v], None) for e, v in zip(chosen, ours, strict=True))
    assert found is not None
    assert found.methods == 4
    assert found.tau == pytest.approx((4 - 2) / 6)


@pytest.mark.parametrize(
    "fields",
    [
        {"comparability": "stand-in"},
        {"comparability": "deviating"},
        {"state": "running"},
        {"scored_as": "FD-EffLite0"},
        {"published": None},
        {"measured": {}},
    ],
)
def test_only_finished_comparable_cells_are_ranked(
    table: Table, kinds: SimpleNamespace, fields: dict[str, str]
) -> None:
    first, second, third = [entry for entry in table.cells() if entry.column == "Horse→Zebra FID"][:3]
    cells = [kinds.as_published(entry, [50.0 + entry.published], None) for entry in (first, second)]
    assert rank_agreement([*cells, kinds.as_published(third, [1.0], None, **fields)]) is None
    assert rank_agreement([*cells, kinds.as_published(third, [190.0], None)]) == (1.0, 3)
