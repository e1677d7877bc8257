"""The sections of the page: one per table, one per comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.compare.document import lay_out as lay_out_comparison
from bench.compare.figures import curves_figure, forest_figure, intervals_figure
from bench.compare.findings import ContenderFindings, Findings
from bench.report.anchors import Anchors
from bench.report.contents import TableResult
from bench.report.evidence import Evidence, evidences
from bench.report.figures import StoredFigure
from bench.report.grids import TableGrid, grid
from bench.report.interval_plot import Panel, interval_plot, panels
from bench.report.run_material import RunMaterial, SampleGrid
from bench.report.wording import number
from bench.schema.cell import Cell
from results.tables.comparable import decimals_for
from results.tables.document import Block
from results.tables.layout import lay_out

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Plot:
    """A figure with its caption."""

    figure: StoredFigure
    title: str
    note: str


@dataclass(frozen=True)
class TableSection:
    """One table of a paper."""

    anchor: str
    name: str
    scale: str
    title: str
    source: str
    grids: list[TableGrid]
    paragraphs: tuple[str, ...]
    notes: list[tuple[str, str, str]]
    intervals: list[Plot]
    curves: list[Plot]
    samples: list[SampleGrid]
    evidences: list[Evidence]


def table_section(
    result: TableResult, anchors: Anchors, material: RunMaterial, say: Callable[[str], None]
) -> TableSection:
    """Everything that the page has of one table.

    Args:
        result: the table.
        anchors: gives names.
        material: reads runs and keeps what is drawn.
        say: called with a line before each slow part.

    Raises:
        BenchError: if the cells are not this table's.
    """
    document = lay_out(result.table, result.cells)
    placed: set[tuple[str, str]] = set()

    def note(mark: str) -> str:
        return anchors.of("note", result.slug, {"†": "dagger", "‡": "double-dagger"}.get(mark, mark))

    def anchor(place: tuple[str, str]) -> str:
        if place in placed:
            return ""
        placed.add(place)
        return anchors.of("at", result.slug, *place)

    grids = [
        grid(block, note, lambda place: anchors.of("cell", result.slug, *place), anchor) for block in document.blocks
    ]
    say(f"{result.slug}: figures")
    intervals = []
    for panel in panels(result.table, result.cells):

        def draw_intervals(panel: Panel = panel) -> tuple[Figure | None, str]:
            rows = ", ".join(label for label, _, _ in panel.rows)
            return interval_plot(panel), f"Interval plot: {panel.title}, {rows}"

        shows = [panel.title, [[label, one.model_dump(mode="json"), number] for label, one, number in panel.rows]]
        plot = material.figures.add(("intervals", result.slug, panel.title), shows, draw_intervals)
        assert not isinstance(plot, str)  # a panel has rows
        intervals.append(Plot(plot, panel.title, panel.note))
    curves, samples = [], []
    for ran_as, methods in _methods(result.cells).items():
        name = f"{result.slug}, {ran_as}"
        curves += _plots(
            (material.loss_figure(name, methods), f"Training losses on {ran_as}", "Against the images seen."),
            (
                material.score_figure(name, methods),
                f"Score against epoch on {ran_as}",
                "On the test images at every scored checkpoint.",
            ),
        )
        first = {label: keys[min(keys)] for label, keys in methods.items()}
        samples.append(material.samples(ran_as, first))
    return TableSection(
        anchor=anchors.of("table", result.slug),
        name=document.name,
        scale=document.scale,
        title=document.title,
        source=document.source,
        grids=grids,
        paragraphs=document.paragraphs,
        notes=[(mark, note(mark), text) for mark, text in document.notes],
        intervals=intervals,
        curves=curves,
        samples=samples,
        evidences=evidences(result, anchors, material, say),
    )


def _plots(*drawn: tuple[StoredFigure | None, str, str]) -> list[Plot]:
    return [Plot(figure, title, note) for figure, title, note in drawn if figure is not None]


def _methods(cells: list[Cell]) -> dict[str, dict[str, Mapping[int, str]]]:
    """Protocol that was run -> row -> seed -> train key."""
    methods: dict[str, dict[str, Mapping[int, str]]] = {}
    for cell in cells:
        if cell.ran_as is not None and cell.train_keys:
            methods.setdefault(cell.ran_as, {}).setdefault(cell.row, cell.train_keys)
    return methods


@dataclass(frozen=True)
class SeedScores:
    """One metric of a contender, seed by seed: what is counted, and the value of each seed."""

    metric: str
    seeds: list[tuple[int, str]]


@dataclass(frozen=True)
class ContenderRow:
    """One contender of a comparison: its method, scores, and runs with their anchors."""

    label: str
    method: str
    differences: list[str]
    deviations: list[str]
    problems: list[str]
    scores: list[SeedScores]
    runs: list[tuple[int, str, str]]


@dataclass(frozen=True)
class ComparisonSection:
    """One comparison made with `contrastbench compare`."""

    anchor: str
    name: str
    scale: str
    title: str
    source: str
    headlines: tuple[str, ...]
    grids: list[TableGrid]
    details: list[TableGrid]
    paragraphs: tuple[str, ...]
    forest: Plot | None
    plots: list[Plot]
    samples: SampleGrid
    missing: list[str]
    contenders: list[ContenderRow]


def comparison_section(
    findings: Findings, anchors: Anchors, material: RunMaterial, say: Callable[[str], None]
) -> ComparisonSection:
    """Everything that the page has of one comparison.

    Args:
        findings: the comparison.
        anchors: gives names.
        material: reads runs and keeps what is drawn.
        say: called with a line before each slow part.
    """
    say(f"comparison {findings.name}")
    document = lay_out_comparison(findings)
    labels = ", ".join(contender.label for contender in findings.contenders)
    forest, plots = None, []
    if findings.metrics:
        shows = findings.model_dump(mode="json")
        answer = f"Paired differences of {labels} by {findings.main_metric}"
        found = material.figures.add(("forest", findings.name), shows, lambda: (forest_figure(findings), answer))
        if isinstance(found, StoredFigure):  # two contenders have two seeds in common
            forest = Plot(found, "Differences", "With their 95 % intervals, by the metric that selects.")
        about = f"Scores and paired differences of {labels}"
        drawn = material.figures.add(("comparison", findings.name), shows, lambda: (intervals_figure(findings), about))
        assert not isinstance(drawn, str)  # there are metrics
        plots.append(Plot(drawn, "Scores and paired differences", "With their 95 % intervals."))
    missing = []
    curves = material.figures.add(
        ("comparison curves", findings.name),
        material.shown({contender.label: contender.train_keys for contender in findings.contenders}),
        lambda: (curves_figure(findings, material.home), f"Training curves of {labels}"),
    )
    if isinstance(curves, StoredFigure):
        plots.append(Plot(curves, "Training losses and scores", "Against the images seen."))
    else:
        if curves != f"Training curves of {labels}":  # a damaged run folder
            missing.append(curves)
        missing.append("no curves: the runs have logged nothing, or their folders are not in this results root")
    first = {
        contender.label: contender.train_keys[min(contender.train_keys)]
        for contender in findings.contenders
        if contender.train_keys
    }
    return ComparisonSection(
        anchor=anchors.of("comparison", findings.name),
        name=findings.name,
        scale=findings.scale,
        title=document.title,
        source=document.source,
        headlines=document.lead,
        grids=[_grid(block) for block in document.blocks if not block.is_detail],
        details=[_grid(block) for block in document.blocks if block.is_detail],
        paragraphs=document.paragraphs,
        forest=forest,
        plots=plots,
        samples=material.samples(findings.ran_as, first),
        missing=missing,
        contenders=[_contender(contender, findings, anchors, material) for contender in findings.contenders],
    )


def _grid(block: Block) -> TableGrid:
    """A block without links."""
    return grid(block, lambda _: "", lambda _: "", lambda _: "")


def _contender(
    contender: ContenderFindings, findings: Findings, anchors: Anchors, material: RunMaterial
) -> ContenderRow:
    scores = []
    for metric in findings.order:  # a record's own keys are sorted
        if (measured := contender.scores.get(metric, {}).get(findings.counts)) is not None:
            decimals = decimals_for(measured.values.values())
            scores.append(
                SeedScores(metric, [(seed, number(value, decimals)) for seed, value in sorted(measured.values.items())])
            )
    return ContenderRow(
        label=contender.chosen,
        method=contender.method,
        differences=[one.line for one in contender.differences],
        deviations=contender.deviations,
        problems=contender.problems,
        scores=scores,
        runs=[
            (seed, key, anchors.of("run", key) if key in material.listed else "")
            for seed, key in sorted(contender.train_keys.items())
        ],
    )
