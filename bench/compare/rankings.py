"""How well a scale has ordered the methods of published tables so far, so that nobody takes its ranking for a result."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from bench.base.errors import BenchError
from bench.base.home import Home
from bench.plugin.discovery import plugins
from bench.schema.cell import Cell, Interval, TableCells
from bench.verdict.stats import kendall_tau, tau_interval
from results.tables.comparable import mean

FEWEST = 3  # methods that are a ranking


class ScaleRanking(BaseModel):
    """One column of a table: the methods' order at a scale against the published one.

    Attributes:
        table, column: which.
        metric: by which they were ordered at the scale; published is the column's own.
        methods: how many have both numbers.
        tau: Kendall's tau-b.
        interval: of tau over other draws of methods; None where they are too few.
    """

    model_config = ConfigDict(frozen=True)

    table: str
    column: str
    metric: str
    methods: int
    tau: float
    interval: Interval | None


def scale_rankings(home: Home, ran_as: str, scale: str) -> list[ScaleRanking]:
    """Every column of the results root's tables that was run at a scale under a protocol.

    Args:
        home: the results root.
        ran_as: `name@version` of the protocol whose data and metrics are used.
        scale: smoke, mini or paper.
    """
    columns: dict[tuple[str, str], list[Cell]] = {}
    for path in home.table_cells():
        try:
            cells = TableCells.of_folder(path).cells
        except BenchError:  # the report says so
            continue
        for cell in cells:
            if (cell.scale, cell.ran_as) == (scale, ran_as) and _has_both(cell):
                columns.setdefault((cell.table, cell.column), []).append(cell)
    found = [_ranking(table, column, cells) for (table, column), cells in columns.items()]
    return [ranking for ranking in found if ranking is not None]


def _has_both(cell: Cell) -> bool:
    measured = cell.value is not None and bool(cell.value.values)
    return cell.published is not None and measured and cell.higher_is_better is not None


def _ranking(table: str, column: str, cells: list[Cell]) -> ScaleRanking | None:
    if len(cells) < FEWEST:
        return None
    signs = [1.0 if _same_direction(cell) else -1.0 for cell in cells]
    ours = [sign * mean(cell.value) for sign, cell in zip(signs, cells, strict=True) if cell.value is not None]
    tau = kendall_tau([cell.published for cell in cells if cell.published is not None], ours)
    if tau is None:
        return None
    metric = str(cells[0].scored_as or cells[0].metric)
    interval = tau_interval(tau, len(cells))
    return ScaleRanking(table=table, column=column, metric=metric, methods=len(cells), tau=tau, interval=interval)


def _same_direction(cell: Cell) -> bool:
    """Whether the metric that was measured is better in the direction of the published one."""
    plugin = plugins("metric").get(str(cell.scored_as))
    return plugin is None or plugin.literals.get("higher_is_better") in (None, cell.higher_is_better)
