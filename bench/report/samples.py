"""Contact sheets of a table's runs: every method's translation of the same test images, side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.data.contact_sheet import contact_sheet
from bench.data.dataset import FileImages
from bench.evaluate import evenly_spaced, real_images, scored_indices
from bench.grid import Grid, PlannedCell
from bench.sampling import sample_files
from bench.storage import write_atomically
from bench.table import Table

COLUMNS = 8  # images per row: enough to judge, few enough to see


def sample_sheets(grid: Grid, table: Table, folder: Path) -> list[Path]:
    """Write one sheet per data set that the table's finished runs used.

    Args:
        grid: the runs.
        table: whose rows are shown, in its order.
        folder: the table's folder.

    Returns:
        Paths of the PNG files, `samples-PROTOCOL.png`.
    """
    by_data: dict[str, list[PlannedCell]] = {}
    for planned in grid.cells:
        if planned.table.name == table.name and planned.keys and planned.resolution is not None:
            by_data.setdefault(planned.resolution.ran.name, []).append(planned)
    paths = []
    for name, cells in by_data.items():
        rows = _rows(grid, cells)
        if rows:
            path = folder / f"samples-{name}.png"
            sheet = contact_sheet(rows)
            write_atomically(path, lambda temporary, sheet=sheet: sheet.save(temporary, format="PNG"))  # type: ignore[misc]
            paths.append(path)
    return paths


def _rows(grid: Grid, cells: list[PlannedCell]) -> list[tuple[str, list[np.ndarray]]]:
    """Inputs, each finished row's outputs for them, and the truth where there is one."""
    resolution = cells[0].resolution
    assert resolution is not None  # only cells with runs get here
    dataset = grid.dataset(resolution)
    spec = grid.runs[next(iter(cells[0].keys.values()))]
    every = dataset.images("test", "A")
    inputs = every.subset(scored_indices(spec, "test", len(every)))
    shown = evenly_spaced(len(inputs), COLUMNS)
    outputs: dict[str, list[np.ndarray]] = {}
    for planned in cells:
        key = next(iter(planned.keys.values()))
        folder = grid.home.run(key)
        files = sample_files(folder.samples("test", grid.runs[key].total_epochs), inputs.names)
        if folder.result.exists() and all(files[i].exists() for i in shown):
            outputs.setdefault(planned.entry.row, [FileImages(files).pixels(i) for i in shown])
    if not outputs:
        return []
    rows = [("input A", [inputs.pixels(i) for i in shown]), *outputs.items()]
    if dataset.aligned("test"):
        truth = real_images(spec, dataset, "test")
        rows.append(("truth B", [truth.pixels(i) for i in shown]))
    return rows
