"""Curves of runs, each in a drawer of its own, since all the numbers of the same runs lead to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.report.compared import ComparisonSection
from bench.report.figures import StoredFigure
from bench.report.sections import TableSection


@dataclass(frozen=True)
class CurvesDrawer:
    """The curves of some runs: whose they are, the figure, and the anchor of the first number that leads to them."""

    title: str
    anchor: str
    origin: str
    figure: StoredFigure


def curves_drawers(sections: Sequence[TableSection | ComparisonSection]) -> list[CurvesDrawer]:
    """Every figure that evidence refers to, once.

    Args:
        sections: whose evidence it is.
    """
    drawers: dict[str, CurvesDrawer] = {}
    for section in sections:
        for item in section.evidences:
            if item.curves is not None:
                name = f"curves-{item.curves.name}"
                drawers.setdefault(name, CurvesDrawer(item.title, name, item.origin, item.curves))
    return list(drawers.values())
