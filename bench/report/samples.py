"""Contact sheets of a table's runs: every method's translation of the same test images, side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.data.contact_sheet import contact_sheet
from bench.data.dataset import FileImages
from bench.evaluate import evenly_spaced, real_images, scored_indices
from bench.grid import Grid, PlannedCell
from bench.resolve import Resolution
from bench.sampling import generated_files, sample_files
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
        resolution = cells[0].resolution
        assert resolution is not None  # only cells with runs get here
        keys: dict[str, str] = {}
        for planned in cells:
            keys.setdefault(planned.entry.row, next(iter(planned.keys.values())))
        if (path := sample_sheet(grid, resolution, keys, folder / f"samples-{name}.png")) is not None:
            paths.append(path)
    return paths


def sample_sheet(grid: Grid, resolution: Resolution, keys: dict[str, str], path: Path) -> Path | None:
    """Write one sheet: inputs, what each finished run made of them, and the truth where there is one.

    Args:
        grid: the runs.
        resolution: of any of them; they share its data.
        keys: label -> train key, in the order shown.
        path: the PNG file.

    Returns:
        The path, None if no run is finished.
    """
    rows = _rows(grid, resolution, keys)
    if not rows:
        return None
    sheet = contact_sheet(rows)
    write_atomically(path, lambda temporary: sheet.save(temporary, format="PNG"))
    return path


def _rows(grid: Grid, resolution: Resolution, keys: dict[str, str]) -> list[tuple[str, list[np.ndarray]]]:
    dataset = grid.dataset(resolution)
    spec = grid.runs[next(iter(keys.values()))]
    from_noise = "A" not in dataset.streams
    every = dataset.images("test", dataset.streams[0])
    inputs = every.subset(scored_indices(spec, "test", len(every)))
    shown = evenly_spaced(len(inputs), COLUMNS)
    outputs: dict[str, list[np.ndarray]] = {}
    for label, key in keys.items():
        folder = grid.home.run(key)
        samples = folder.samples("test", grid.runs[key].total_epochs)
        files = generated_files(samples, len(inputs)) if from_noise else sample_files(samples, inputs.names)
        if folder.result.exists() and all(files[i].exists() for i in shown):
            outputs[label] = [FileImages(files).pixels(i) for i in shown]
    if not outputs:
        return []
    rows = [("real images" if from_noise else "input A", [inputs.pixels(i) for i in shown]), *outputs.items()]
    if dataset.aligned("test"):
        truth = real_images(spec, dataset, "test")
        rows.append(("truth B", [truth.pixels(i) for i in shown]))
    return rows
