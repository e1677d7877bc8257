"""The section of a table: its blocks, samples, intervals and curves, and the evidence of every cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.report.anchors import Anchors
from bench.report.commands import table_command
from bench.report.contents import TableResult
from bench.report.downloads import Download, downloads
from bench.report.evidence import Evidence, evidences
from bench.report.figures import StoredFigure
from bench.report.grids import Places, TableGrid, grid
from bench.report.interval_plot import Panel, interval_plot, panels
from bench.report.run_material import RunMaterial, SampleGrid
from bench.report.score_lines import floor_text
from bench.report.wording import cell_decimals
from bench.schema.cell import Cell, TableCells
from results.tables.comparable import is_stand_in
from results.tables.document import Block
from results.tables.layout import lay_out
from results.tables.tidy import cells_csv
from results.tables.writers.latex import latex

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
    command: str
    downloads: list[Download]
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

    def origin(place: tuple[str, str]) -> str:
        if place in placed:
            return ""
        placed.add(place)
        return anchors.of("at", result.slug, *place)

    names = {block.title: anchors.of("block", result.slug, block.title) for block in document.blocks}
    floors = {(cell.row, cell.column): _floor(cell) for cell in result.cells}
    places = Places(
        note=note,
        evidence=lambda place: anchors.of("cell", result.slug, *place),
        origin=origin,
        blocks={_see(block): names[block.title] for block in document.blocks if not block.is_detail},
        floor=lambda place: floors[place],
    )
    grids = [grid(block, names[block.title], places) for block in document.blocks]
    say(f"{result.slug}: figures")
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
        command=table_command(result),
        downloads=downloads(
            result.slug,
            {
                "CSV": (".csv", cells_csv(result.cells)),
                "TeX": (".tex", latex(document)),
                "JSON": (".json", TableCells(table=result.table.id, cells=result.cells).model_dump_json(indent=1)),
            },
        ),
        intervals=_intervals(result, material),
        curves=curves,
        samples=samples,
        evidences=evidences(result, anchors, material, say),
    )


def _see(block: Block) -> str:
    """What a cell says whose number is in a block."""
    return f"see {block.title.partition('.')[0]}"


def _floor(cell: Cell) -> str:
    """What real images get where ours stands beside the paper's; blocks of stand-ins have a line of it."""
    return "" if is_stand_in(cell) else floor_text(cell.value, cell_decimals(cell))


def _intervals(result: TableResult, material: RunMaterial) -> list[Plot]:
    plots = []
    for panel in panels(result.table, result.cells):

        def draw(panel: Panel = panel) -> tuple[Figure | None, str]:
            rows = ", ".join(label for label, _, _ in panel.rows)
            return interval_plot(panel), f"Interval plot: {panel.title}, {rows}"

        shows = [panel.title, [[label, one.model_dump(mode="json"), number] for label, one, number in panel.rows]]
        plot = material.figures.add(("intervals", result.slug, panel.title), shows, draw)
        assert not isinstance(plot, str)  # a panel has rows
        plots.append(Plot(plot, panel.title, panel.note))
    return plots


def _plots(*drawn: tuple[StoredFigure | None, str, str]) -> list[Plot]:
    return [Plot(figure, title, note) for figure, title, note in drawn if figure is not None]


def _methods(cells: list[Cell]) -> dict[str, dict[str, Mapping[int, str]]]:
    """Protocol that was run -> row -> seed -> train key."""
    methods: dict[str, dict[str, Mapping[int, str]]] = {}
    for cell in cells:
        if cell.ran_as is not None and cell.train_keys:
            methods.setdefault(cell.ran_as, {}).setdefault(cell.row, cell.train_keys)
    return methods
