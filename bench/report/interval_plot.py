"""Interval plots of a table: every seed, the interval, and the published number where the two may be compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.plugin.discovery import plugins
from bench.schema.cell import Cell, Measured
from bench.schema.table import Table
from bench.show.drawing import colours, marker, name_rows, new_figure, wrapped
from results.tables.comparable import ceiling, is_stand_in, may_stand_against_published, mean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 4.6  # inches
MOST_MARKS = 200  # seeds of a row; more only lie on each other


@dataclass(frozen=True)
class Panel:
    """What one interval plot shows.

    Attributes:
        title: the column, or the stand-in's data and metric.
        note: in plain words, what may be compared here.
        rows: (label, measurement, published number or None), from the top.
    """

    title: str
    note: str
    rows: list[tuple[str, Measured, float | None]]


def panels(table: Table, cells: Sequence[Cell]) -> Iterator[Panel]:
    """The interval plots of a table: one per comparable column, then one per stand-in and metric.

    Args:
        table: its columns.
        cells: its cells, in its order.
    """
    for column in table.columns:
        rows = [
            (cell.row, cell.value, cell.published)
            for cell in cells
            if cell.column == column.label and cell.value is not None and may_stand_against_published(cell)
        ]
        if rows:
            yield Panel(
                f"{column.label} ({_direction(column.higher_is_better)})", "Hollow diamond: the published number.", rows
            )
    stand_ins: dict[tuple[str, str, str], dict[str, Measured]] = {}
    for cell in cells:
        if not is_stand_in(cell):
            continue
        own = {cell.value.metric: cell.value} if cell.value is not None else {}
        for metric, measured in {**own, **cell.extra}.items():
            if measured.values:
                stand_ins.setdefault((str(cell.ran_as), cell.scale, metric), {}).setdefault(cell.row, measured)
    for (ran_as, _, metric), by_row in stand_ins.items():
        yield Panel(
            f"{metric} on {ran_as}{_known_direction(metric)}",
            "Stand-in: compare the methods with each other, not with the paper.",
            [(row, measured, None) for row, measured in by_row.items()],
        )


def _direction(higher_is_better: bool | None) -> str:
    if higher_is_better is None:
        return "should be that of the training images"
    return "higher is better" if higher_is_better else "lower is better"


def _known_direction(metric: str) -> str:
    """The direction in brackets; empty for a metric whose plugin is not installed any more."""
    plugin = plugins("metric").get(metric)
    return f" ({_direction(plugin.literals['higher_is_better'])})" if plugin else ""


def interval_plot(panel: Panel) -> Figure:
    """Draw one panel: a mark per seed, a bar at the mean of several, a line for the interval; dashed: real images."""
    lines = max(wrapped(label).count("\n") + 1 for label, _, _ in panel.rows)
    figure, axes = new_figure(WIDTH, 0.55 + max(0.3, 0.18 * lines) * len(panel.rows))
    axis = axes[0][0]
    palette = colours(len(panel.rows))
    for place, (_, measured, published) in enumerate(panel.rows):
        values = list(measured.values.values())[:MOST_MARKS]
        colour = palette[place]
        if measured.interval is not None:
            of_seeds = measured.interval.kind == "seeds"
            axis.plot(
                [measured.interval.low, measured.interval.high], [place, place],
                color=colour, linewidth=2 if of_seeds else 1, linestyle="-" if of_seeds else ":",
            )  # fmt: skip
        axis.plot(values, [place] * len(values), marker(place), color=colour, alpha=0.6, markersize=6)
        if len(values) > 1:
            axis.plot([mean(measured)] * 2, [place - 0.28, place + 0.28], "-", color=colour, linewidth=3)
        if published is not None:
            axis.plot(published, place, "D", color="0.15", markerfacecolor="none", markersize=8, markeredgewidth=1.5)
    if (real := ceiling(measured for _, measured, _ in panel.rows)) is not None:
        axis.axvline(real, color="0.3", linestyle="--", linewidth=1)
    name_rows(axis, [label for label, _, _ in panel.rows], ticks=4)
    return figure
