"""Samples of finished runs: every method's translation of the same test images, side by side."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench.base.errors import BenchError
from bench.base.hashing import file_sha256
from bench.base.home import Home
from bench.base.regular import read_regular
from bench.base.storage import write_atomically
from bench.base.validation import Strict
from bench.data.contact_sheet import contact_sheet
from bench.data.dataset import DataSet
from bench.data.images import FileImages, evenly_spaced
from bench.ledger.folders import read_result
from bench.plan.grid import Grid, PlannedCell
from bench.plan.memory import remembered
from bench.plan.resolve import Resolution
from bench.plugin.discovery import find_plugin
from bench.schema.run_spec import RunSpec
from bench.schema.table import Table
from bench.tasks.sheet import Column, sheet_columns, sheet_files
from bench.tasks.task import Selection, task_of

COLUMNS = 8  # images per row: enough to judge, few enough to see
MAX_BYTES = 1 << 28  # of an image


@dataclass(frozen=True)
class SampleRow:
    """One row: what it shows, and its images as uint8 (H, W, 3)."""

    label: str
    kind: Literal["input", "exemplar", "output", "truth"]
    images: list[np.ndarray]


@dataclass(frozen=True)
class Samples:
    """Rows over the same test images.

    Attributes:
        names: of the images, one per column.
        rows: what was put in, the picture whose look it should take and the truth where there are any, and what every
            finished run made of it.
        missing: label -> why a run has no row.
    """

    names: list[str]
    rows: list[SampleRow]
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def has_outputs(self) -> bool:
        """Whether any run has a row."""
        return any(row.kind == "output" for row in self.rows)


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
    runs = {label: grid.runs[key] for label, key in keys.items()}
    seeds = ", ".join(str(seed) for seed in sorted({run.seed for run in runs.values()}))
    title = f"{resolution.ran.id}, scale {resolution.scale_name}, seed {seeds}, last checkpoint"
    return write_sheet(grid.home, grid.dataset(resolution), runs, title, path)


class Drawn(Strict):
    """A sheet that was drawn: the sha256 of its file; empty where no run had anything to show."""

    sha256: str


def write_sheet(home: Home, dataset: DataSet, runs: Mapping[str, RunSpec], title: str, path: Path) -> Path | None:
    """Write the sheet of some runs; it is drawn anew only if what it shows has changed, or its file is not what was drawn.

    That is told by a hash of all that it shows, remembered with the hash of its file (bench/plan/memory.py).

    Args:
        home: whose run folders hold the samples.
        dataset: of all the runs.
        runs: label -> run, in the order shown.
        title: above the sheet.
        path: the PNG file.

    Returns:
        The path, None if no run is finished.
    """
    is_ours = find_plugin("task", task_of(next(iter(runs.values()))).name).is_built_in

    def draw() -> tuple[Drawn, bool]:
        samples = collect_samples(home, dataset, runs)
        if not samples.has_outputs:
            return Drawn(sha256=""), is_ours
        sheet = contact_sheet([(row.label, row.images) for row in samples.rows], title)
        write_atomically(path, lambda temporary: sheet.save(temporary, format="PNG"))
        return Drawn(sha256=file_sha256(path)), is_ours

    drawn = remembered({"sheet": title, "shows": _shown(home, dataset, runs)}, Drawn, draw)
    if drawn.sha256 and not _is_there(path, drawn.sha256):
        drawn, _ = draw()
    return path if drawn.sha256 else None


def _shown(home: Home, dataset: DataSet, runs: Mapping[str, RunSpec]) -> Any:
    """Everything that decides what a sheet looks like, as JSON."""
    first = next(iter(runs.values()))
    task, selection = task_of(first), Selection.of_run(first, "test")
    files = sheet_files(task.groups(dataset, selection), COLUMNS)
    return {
        "data": [dataset.cache_key("sheet"), dataset.fingerprint()],
        "task": [task.name, asdict(selection)],
        "files": files,
        "runs": [[label, _images_stamp(home, run, files)] for label, run in runs.items()],
    }


def _images_stamp(home: Home, run: RunSpec, files: Sequence[str]) -> str:
    """Changes with the images that a sheet shows of a run, to the byte; empty where it shows none."""
    folder = home.run(run.train_key)
    if read_result(folder) is None:
        return ""
    total = hashlib.sha256()
    for file in files:
        try:
            content = read_regular(folder.samples("test", run.total_epochs) / file, MAX_BYTES)
        except OSError:
            return ""
        total.update(f"{len(content)}\n".encode() + content)
    return total.hexdigest()


def _is_there(path: Path, sha256: str) -> bool:
    """Whether a file has this content."""
    with suppress(OSError):
        return file_sha256(path) == sha256
    return False


def shown_columns(dataset: DataSet, spec: RunSpec) -> list[Column]:
    """The test images of a data set that sheets show; the same for all runs that are scored on the same images."""
    return sheet_columns(task_of(spec).groups(dataset, Selection.of_run(spec, "test")), COLUMNS)


def collect_samples(
    home: Home, dataset: DataSet, runs: Mapping[str, RunSpec], columns: Sequence[Column] | None = None
) -> Samples:
    """Read the samples of several runs on one data set.

    Args:
        home: whose run folders hold the samples.
        dataset: of all the runs.
        runs: label -> run, at least one, in the order shown; a run that is not finished, or whose images are gone, has
            no row.
        columns: from `shown_columns`, where the caller has them.
    """
    spec = next(iter(runs.values()))
    task = task_of(spec)
    columns = shown_columns(dataset, spec) if columns is None else columns
    outputs: list[SampleRow] = []
    missing: dict[str, str] = {}
    for label, run in runs.items():
        folder = home.run(run.train_key)
        files = FileImages([folder.samples("test", run.total_epochs) / column.file for column in columns])
        if read_result(folder) is None:
            missing[label] = "the run is not finished"
        elif not all(path.exists() for path in files.paths):
            missing[label] = f"the images of run {run.train_key} are not in this results root any more"
        else:
            try:
                outputs.append(SampleRow(label, "output", [files.pixels(i) for i in range(len(files))]))
            except BenchError as error:  # one damaged picture
                missing[label] = str(error)
    rows = [SampleRow(task.given, "input", [column.given for column in columns])]
    if exemplars := [column.exemplar for column in columns if column.exemplar is not None]:
        rows.append(SampleRow(task.exemplar, "exemplar", exemplars))
    rows += outputs
    truths = [column.truth for column in columns if column.truth is not None]
    if truths:
        rows.append(SampleRow(task.truth, "truth", truths))
    return Samples([column.name for column in columns], rows, missing)


def samples_without_inputs(home: Home, runs: Mapping[str, RunSpec]) -> Samples:
    """Read the samples of several runs whose data set is not on this machine: what they made, without what it was made of.

    Args:
        home: whose run folders hold the samples.
        runs: label -> run, in the order shown.
    """
    folders = {label: home.run(run.train_key).samples("test", run.total_epochs) for label, run in runs.items()}
    files = {
        label: {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.png")}
        for label, folder in folders.items()
    }
    file_names = [by_name.keys() for by_name in files.values() if by_name]
    # only images that every run has stand below each other
    common = sorted(set.intersection(*map(set, file_names))) if file_names else []
    names = [common[i] for i in evenly_spaced(len(common), COLUMNS)]
    rows, missing = [], {}
    for label, by_name in files.items():
        if by_name and names:
            images = FileImages([by_name[name] for name in names])
            try:
                rows.append(SampleRow(label, "output", [images.pixels(i) for i in range(len(names))]))
            except BenchError as error:
                missing[label] = str(error)
        else:
            missing[label] = "its images are not in this results root"
    return Samples(names, rows, missing)
