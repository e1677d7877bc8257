"""Whether methods come out in the published order: Kendall's tau of a column."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from bench.schema.cell import Cell
from bench.verdict.stats import kendall_tau
from results.tables.comparable import may_stand_against_published, mean


class RankAgreement(NamedTuple):
    """Kendall's tau-b between the published and the reproduced ranking, and the number of methods ranked."""

    tau: float
    methods: int


def rank_agreement(cells: Iterable[Cell]) -> RankAgreement | None:
    """Compare two rankings of one column's methods.

    Args:
        cells: cells of one column; those that are not done as published, or have no published number, are left out.

    Returns:
        The agreement; None where fewer than three methods can be ranked, or where all of them tie.
    """
    pairs = [
        (cell.published, mean(cell.value))
        for cell in cells
        if cell.state == "done"
        and cell.comparability == "as published"
        and may_stand_against_published(cell)
        and cell.published is not None
        and cell.value is not None
        and cell.value.values
    ]
    if len(pairs) < 3:
        return None
    published, reproduced = zip(*pairs, strict=True)
    tau = kendall_tau(published, reproduced)
    return None if tau is None else RankAgreement(tau, len(pairs))
