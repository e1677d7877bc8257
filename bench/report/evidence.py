"""The evidence of a cell, ready for the page: fields, published number, seeds, checkpoints, deviations, pictures, curves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.report.anchors import Anchors
from bench.report.contents import TableResult
from bench.report.figures import StoredFigure
from bench.report.run_material import RunMaterial, SampleGrid
from bench.report.wording import (
    CHECKPOINT_WORDS,
    INTERVAL_WORDS,
    VERDICT_WORDS,
    cell_decimals,
    comparability_text,
    headline,
    interval_text,
    number,
    verdict_text,
)
from bench.schema.cell import CHECKPOINTS, Cell, Measured
from results.tables.comparable import decimals_for, gap, is_stand_in, mean
from results.tables.published_block import arrow

MOST_SEEDS = 100  # whose values the page lists, of each cell; `cells.json` has all


@dataclass(frozen=True)
class CheckpointLine:
    """A cell's metric at one checkpoint rule."""

    rule: str
    words: str
    counts: bool
    mean: str
    interval: str
    interval_words: str
    verdict: str


@dataclass(frozen=True)
class SeedLine:
    """One seed: its values by checkpoint rule, and its keys with the anchor of its run."""

    seed: int
    values: list[str]
    score_key: str
    train_key: str
    run_anchor: str


@dataclass(frozen=True)
class OtherLine:
    """Another metric of the same runs."""

    metric: str
    mean: str
    interval: str
    seeds: str


@dataclass(frozen=True)
class Evidence:
    """Everything that is known about a cell.

    Attributes:
        cell: the cell itself.
        anchor: of this evidence.
        origin: anchor of the cell in the table.
        table_name: the table and its scale, as text.
        headline, comparability, verdict: in plain words.
        published: the printed number as text, empty if there is none.
        metric: what was measured, with its direction.
        rules: names of the checkpoint rules that were measured.
        checkpoints, seeds, others: tables.
        seeds_left_out: how many seeds more there are.
        gap: how much better best-on-test looks than last, empty if it is not known.
        ceiling: what real test images get, empty where a perfect score is known by itself.
        samples, curves: of the runs behind the cell.
        missing: what cannot be shown and why.
    """

    cell: Cell
    anchor: str
    origin: str
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
    ceiling: str
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
    samples, curves, missing = _of_runs(cell, material)
    difference = gap(cell)
    sign = arrow(cell.higher_is_better)
    return Evidence(
        cell=cell,
        anchor=anchors.of("cell", result.slug, cell.row, cell.column),
        origin=anchors.of("at", result.slug, cell.row, cell.column),
        table_name=f"{result.table.id}, scale {result.scale}",
        headline=headline(cell),
        comparability=comparability_text(cell),
        verdict=verdict_text(cell),
        is_stand_in=is_stand_in(cell),
        published="" if cell.published is None else f"{cell.published:.{printed_decimals}f}",
        metric=f"{cell.scored_as or cell.metric} {sign}",
        rules=list(rules),
        checkpoints=[_checkpoint(cell, cell.measured[rule], decimals) for rule in rules],
        seeds=_seeds(cell, decimals, anchors, material),
        seeds_left_out=max(0, len(cell.train_keys) - MOST_SEEDS),
        others=[_other(name, measured) for name, measured in cell.extra.items() if measured.values],
        gap="" if difference is None else number(difference, decimals),
        ceiling="" if cell.value is None or cell.value.ceiling is None else number(cell.value.ceiling, decimals),
        samples=samples,
        curves=curves,
        missing=missing,
    )


def _checkpoint(cell: Cell, measured: Measured, decimals: int) -> CheckpointLine:
    interval = measured.interval
    return CheckpointLine(
        rule=measured.checkpoint,
        words=CHECKPOINT_WORDS[measured.checkpoint],
        counts=measured.checkpoint == cell.counts,
        mean=number(mean(measured), decimals),
        interval=interval_text(interval, decimals) if interval else "none: one seed",
        interval_words=f"{INTERVAL_WORDS[interval.kind]} ({interval.method})" if interval else "",
        verdict=VERDICT_WORDS[measured.verdict] if measured.verdict and not is_stand_in(cell) else "",
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
            )
        )
    return lines


def _other(name: str, measured: Measured) -> OtherLine:
    decimals = decimals_for([mean(measured)])
    interval = measured.interval
    values = sorted(measured.values.items())
    seeds = [f"seed {seed}: {number(value, decimals)}" for seed, value in values[:MOST_SEEDS]]
    if len(values) > MOST_SEEDS:
        seeds.append(f"and {len(values) - MOST_SEEDS} more")
    return OtherLine(
        metric=name,
        mean=number(mean(measured), decimals),
        interval=f"{interval_text(interval, decimals)} {INTERVAL_WORDS[interval.kind]}" if interval else "none",
        seeds=", ".join(seeds),
    )


def _of_runs(cell: Cell, material: RunMaterial) -> tuple[SampleGrid | None, StoredFigure | None, list[str]]:
    """Samples of the first seed's run, curves of all runs, and what cannot be shown with the reason."""
    if not cell.train_keys:
        return None, None, []
    first = cell.train_keys[min(cell.train_keys)]
    samples = material.samples(f"Samples, seed {min(cell.train_keys)}", {cell.row: first})
    curves = material.cell_curves(cell.row, cell.train_keys)
    grid, missing = samples if samples.rows else None, list(samples.missing)
    if isinstance(curves, str):
        return grid, None, [*missing, f"no curves: {curves}"]
    return grid, curves, missing
