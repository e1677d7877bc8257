"""Blocks B: what was measured on stand-in data, shown apart from every published number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bench.plugin.discovery import plugins
from bench.schema.cell import CHECKPOINTS, Cell, Measured
from bench.schema.table import Table
from results.tables.comparable import CEILING, ceiling, decimals_for, mean, measured_text
from results.tables.document import Block, Footnotes, Line, Text
from results.tables.published_block import NO_NUMBER, arrow, gap_text, of_cell, reason_marks


@dataclass(frozen=True)
class StandIn:
    """Cells that share a stand-in.

    Attributes:
        name: `B`, or `B1`, `B2`, ... where a table has several.
        ran_as: protocol that was run.
        scale: the scale.
        cells: the table's cells that refer to it.
    """

    name: str
    ran_as: str
    scale: str
    cells: tuple[Cell, ...]

    @property
    def stands_for(self) -> list[str]:
        """The protocols of the published numbers."""
        return list(dict.fromkeys(cell.protocol for cell in self.cells))

    @property
    def is_other_data(self) -> bool:
        """Whether the data differs; otherwise only the metric does."""
        return self.stands_for != [self.ran_as]

    @property
    def metrics(self) -> list[str]:
        """Every metric: first those that stand in for the paper's, then the further ones of the same runs."""
        main = [cell.scored_as for cell in self.cells if cell.scored_as]
        further = [metric for cell in self.cells for metric in cell.extra]
        return list(dict.fromkeys([*main, *further]))

    def rows(self, table: Table) -> list[tuple[str, list[Cell]]]:
        """Row label -> its cells, in the table's order."""
        rows = [(row.label, [cell for cell in self.cells if cell.row == row.label]) for row in table.rows]
        return [(label, cells) for label, cells in rows if cells]


def stand_in_blocks(table: Table, stand_in: StandIn, footnotes: Footnotes) -> list[Block]:
    """The metrics of a stand-in at the checkpoint that counts, and its first metric by checkpoint.

    Args:
        table: gives the order of rows.
        stand_in: its cells.
        footnotes: collects reasons.
    """
    blocks = [_metrics_block(table, stand_in, footnotes)]
    if (by_checkpoint := _checkpoint_block(table, stand_in)) is not None:
        blocks.append(by_checkpoint)
    return blocks


def _metrics_block(table: Table, stand_in: StandIn, footnotes: Footnotes) -> Block:
    rows = stand_in.rows(table)
    metrics = stand_in.metrics
    decimals = {
        metric: _decimals(measured for _, cells in rows if (measured := _measured(cells, metric)) is not None)
        for metric in metrics
    }
    shown = [measured for _, cells in rows for metric in metrics if (measured := _measured(cells, metric)) is not None]
    counts = {len(measured.values) for measured in shown}
    lines = []
    for label, cells in rows:
        texts = []
        for metric in metrics:
            measured = _measured(cells, metric)
            cell = _owner(cells, metric)
            marks = reason_marks(cell, footnotes)
            if measured is None:
                missing = Text(NO_NUMBER) if cell.state == "done" else Text(cell.state, marks, style="quiet")
                texts.append(of_cell(missing, cell))
                continue
            text = measured_text(measured, decimals[metric], counted=len(counts) > 1)
            texts.append(of_cell(Text(text if cell.state == "done" else f"{text} {cell.state}", marks), cell))
        lines.append(Line((Text(label),), tuple(texts)))
    if not any(row.target for row in table.rows):  # whose line says the same
        lines += _ceiling(rows, metrics, decimals)
    instead = stand_in.ran_as if stand_in.is_other_data else "another metric"
    source = "stand-in data" if stand_in.is_other_data else "the published data by another metric"
    return Block(
        title=f"{stand_in.name}. Measured on {source} (not comparable with the published numbers)",
        intro=f"{_capital(instead)} in place of {listed(stand_in.stands_for)}, scale {stand_in.scale}, "
        f"{_counts(stand_in)} checkpoint{_seeds(counts)}.",
        stubs=("Method",),
        groups=("",) * len(metrics),
        headings=tuple(_heading(metric, stand_in) for metric in metrics),
        lines=tuple(lines),
        is_stand_in=True,
    )


def _ceiling(rows: list[tuple[str, list[Cell]]], metrics: list[str], decimals: dict[str, int]) -> list[Line]:
    """A last line with what real images get, if a metric has such a ceiling."""
    ceilings = {metric: ceiling(_measured(cells, metric) for _, cells in rows) for metric in metrics}
    texts = ["" if value is None else f"{value:.{decimals[metric]}f}" for metric, value in ceilings.items()]
    return [Line((Text(CEILING),), tuple(map(Text, texts)), rule_above=True)] if any(texts) else []


def _checkpoint_block(table: Table, stand_in: StandIn) -> Block | None:
    metric = stand_in.metrics[0]
    of_images = {row.label for row in table.rows if row.target}  # which have no checkpoints
    chosen = [
        (label, cell)
        for label, cells in stand_in.rows(table)
        for cell in [next((scored for scored in cells if scored.scored_as == metric), None)]
        if cell is not None and cell.measured and label not in of_images
    ]
    if not any(len(cell.measured) > 1 for _, cell in chosen):
        return None
    decimals = _decimals(measured for _, cell in chosen for measured in cell.measured.values())
    lines = []
    for label, cell in chosen:
        by_rule = [cell.measured.get(rule) for rule in CHECKPOINTS]
        numbers = [
            measured_text(measured, decimals) if measured and measured.values else NO_NUMBER for measured in by_rule
        ]
        texts = [of_cell(Text(number), cell) for number in numbers]
        lines.append(Line((Text(label),), (*texts, gap_text(cell, decimals))))
    heading = _heading(metric, stand_in)
    return Block(
        title=f"{stand_in.name}, by checkpoint: {heading} (not comparable with the published numbers)",
        intro=f"{stand_in.ran_as}, scale {stand_in.scale}: the same models at three checkpoints.",
        stubs=("Method",),
        groups=("",) * 4,
        headings=(*CHECKPOINTS, "gap"),
        lines=tuple(lines),
        is_stand_in=True,
        is_detail=True,
    )


def _owner(cells: list[Cell], metric: str) -> Cell:
    """The cell that a metric of one row's runs stands for: the one scored by it, else one that measured it too."""
    scored = [cell for cell in cells if cell.scored_as == metric]
    return next(iter([*scored, *(cell for cell in cells if metric in cell.extra)]), cells[0])


def _measured(cells: list[Cell], metric: str) -> Measured | None:
    """A metric of one row's runs, whichever of the row's cells has it."""
    for cell in cells:
        measured = cell.value if cell.scored_as == metric else cell.extra.get(metric)
        if measured is not None and measured.values:
            return measured
    return None


def _decimals(measurements: Iterable[Measured]) -> int:
    return decimals_for(mean(measured) for measured in measurements)


def _heading(metric: str, stand_in: StandIn) -> str:
    """The metric's name and direction; a metric of a plugin that is gone has no direction."""
    for cell in stand_in.cells:
        if cell.scored_as == metric:
            return f"{metric} {arrow(cell.higher_is_better)}"
    plugin = plugins("metric").get(metric)
    return f"{metric} {arrow(plugin.literals['higher_is_better'])}" if plugin else metric


def _counts(stand_in: StandIn) -> str:
    return " and ".join(dict.fromkeys(cell.counts for cell in stand_in.cells))


def _seeds(counts: set[int]) -> str:
    """How many seeds every number has, if that is the same number for all."""
    if len(counts) != 1:
        return ""
    return f", {min(counts)} seed{'s' if min(counts) > 1 else ''}"


def listed(names: list[str]) -> str:
    """Join with commas and a final "and"."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _capital(text: str) -> str:
    # a protocol's name keeps its small letter
    return text if "@" in text else text[:1].upper() + text[1:]
