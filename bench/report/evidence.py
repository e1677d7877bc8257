"""The evidence of a cell, ready for the page: fields, published number, seeds, checkpoints, deviations, pictures, curves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.report.anchors import Anchors
from bench.report.commands import cell_command, rerun_command
from bench.report.contents import TableResult
from bench.report.figures import StoredFigure
from bench.report.run_material import RunMaterial, SampleGrid
from bench.report.score_lines import (
    MOST_SEEDS,
    CheckpointLine,
    OtherLine,
    checkpoint_lines,
    floor_text,
    other_line,
)
from bench.report.wording import cell_decimals, comparability_text, floor_name, gap_text, headline, number, verdict_text
from bench.schema.cell import CHECKPOINTS, Cell
from results.tables.comparable import decimals_for, is_stand_in, mean
from results.tables.published_block import arrow


@dataclass(frozen=True)
class SeedLine:
    """One seed: its values by checkpoint rule, its keys, its run's anchor and the command that makes that again."""

    seed: int
    values: list[str]
    score_key: str
    train_key: str
    run_anchor: str
    command: str


@dataclass(frozen=True)
class Evidence:
    """Everything that is known about a cell.

    Attributes:
        cell: the cell itself.
        anchor: of this evidence.
        origin: anchor of the cell in the table.
        title: its row.
        table_name: the table and its scale, as text.
        headline, comparability, verdict: in plain words.
        published: the printed number as text, empty if there is none.
        metric: what was measured, with its direction.
        rules: names of the checkpoint rules that were measured.
        checkpoints, seeds, others: tables.
        seeds_left_out: how many seeds more there are.
        gap: how best-on-test stands to last, in words; empty if it is not known.
        floor_name, floor: what real test images get by the same metric, empty where that is not measured.
        command: makes the cell again; empty where nothing can.
        samples, curves: of the runs behind the cell.
        missing: what cannot be shown and why.
    """

    cell: Cell
    anchor: str
    origin: str
    title: str
    table_name: str
    headline: str
    comparability: str
    verdict: str
    is_stand_in: bool
    published: str
    metric: str
    rules: list[str]
    checkpoints: list[CheckpointLine]
    seeds: list[SeedLine]
    seeds_left_out: int
    others: list[OtherLine]
    gap: str
    floor_name: str
    floor: str
    command: str
    samples: SampleGrid | None
    curves: StoredFigure | None
    missing: list[str]


def evidences(
    result: TableResult, anchors: Anchors, material: RunMaterial, say: Callable[[str], None]
) -> list[Evidence]:
    """The evidence of every cell of a table, in its order.

    Args:
        result: the table.
        anchors: gives names.
        material: reads runs.
        say: called with a line before each slow part.
    """
    decimals = {column.label: column.decimals for column in result.table.columns}
    evidence = []
    for cell in result.cells:
        say(f"{result.slug}: {cell.row}, {cell.column}")
        evidence.append(_evidence(result, cell, decimals[cell.column], anchors, material))
    return evidence


def _evidence(
    result: TableResult, cell: Cell, printed_decimals: int, anchors: Anchors, material: RunMaterial
) -> Evidence:
    decimals = cell_decimals(cell)
    rules = [rule for rule in CHECKPOINTS if rule in cell.measured]
    samples, curves, missing = material.of_cell(cell.row, cell.train_keys)
    sign = arrow(cell.higher_is_better)
    return Evidence(
        cell=cell,
        anchor=anchors.of("cell", result.slug, cell.row, cell.column),
        origin=anchors.of("at", result.slug, cell.row, cell.column),
        title=cell.row,
        table_name=f"{result.table.id}, scale {result.scale}",
        headline=headline(cell),
        comparability=comparability_text(cell),
        verdict=verdict_text(cell),
        is_stand_in=is_stand_in(cell),
        published="" if cell.published is None else f"{cell.published:.{printed_decimals}f}",
        metric=f"{cell.scored_as or cell.metric} {sign}",
        rules=list(rules),
        checkpoints=checkpoint_lines(cell.measured, cell.counts, decimals, judged=not is_stand_in(cell)),
        seeds=_seeds(cell, decimals, anchors, material),
        seeds_left_out=max(0, len(cell.train_keys) - MOST_SEEDS),
        others=[
            other_line(name, measured, decimals_for([mean(measured)]))
            for name, measured in cell.extra.items()
            if measured.values
        ],
        gap=gap_text(cell, decimals),
        floor_name=floor_name(cell.higher_is_better),
        floor=floor_text(cell.value, decimals),
        command=cell_command(result, cell),
        samples=samples,
        curves=curves,
        missing=missing,
    )


def _seeds(cell: Cell, decimals: int, anchors: Anchors, material: RunMaterial) -> list[SeedLine]:
    rules = [rule for rule in CHECKPOINTS if rule in cell.measured]
    seeds = {**cell.train_keys, **{seed: "" for rule in rules for seed in cell.measured[rule].values}}
    lines = []
    for seed in sorted(seeds)[:MOST_SEEDS]:
        values = [cell.measured[rule].values.get(seed) for rule in rules]
        key = cell.train_keys.get(seed, "")
        lines.append(
            SeedLine(
                seed=seed,
                values=["–" if value is None else number(value, decimals) for value in values],
                score_key=cell.value.score_keys.get(seed, "") if cell.value else "",
                train_key=key,
                run_anchor=anchors.of("run", key) if key in material.listed else "",
                command=rerun_command(key) if key else "",
            )
        )
    return lines
