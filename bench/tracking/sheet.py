"""A run's sample grid: what it was given, what it made of that and, where there is one, the truth."""

from __future__ import annotations

from PIL import Image

from bench.base.errors import BenchError
from bench.base.home import Home, RunFolder
from bench.data.contact_sheet import contact_sheet
from bench.data.images import FileImages, evenly_spaced
from bench.data.opening import open_dataset
from bench.schema.run_spec import RunSpec
from bench.tasks.sheet import sheet_columns
from bench.tasks.task import Selection, task_of

COLUMNS = 8  # as in the sheets of tables


def sample_sheet(home: Home, folder: RunFolder, spec: RunSpec, label: str) -> Image.Image | None:
    """Draw the grid of a finished run.

    Args:
        home: where the data set is found.
        folder: the run's.
        spec: the run.
        label: what the run's row is called.

    Returns:
        The grid, or None if the run's samples are not on disk any more.
    """
    samples = folder.samples("test", spec.total_epochs)
    try:
        task, dataset = task_of(spec), open_dataset(spec.data, home.datasets, home.cache)
    except BenchError:  # results that were copied without their data or their method's file
        paths = sorted(samples.rglob("*.png"))
        shown = evenly_spaced(len(paths), COLUMNS)
        row = (f"{label}\ninputs are not here", [FileImages(paths).pixels(i) for i in shown])
        return contact_sheet([row]) if shown else None
    columns = sheet_columns(task.groups(dataset, Selection.of_run(spec, "test")), COLUMNS)
    files = FileImages([samples / column.file for column in columns])
    if not all(path.exists() for path in files.paths):
        return None
    rows = [(task.given, [column.given for column in columns])]
    if exemplars := [column.exemplar for column in columns if column.exemplar is not None]:
        rows.append((task.exemplar, exemplars))
    rows.append((label, [files.pixels(i) for i in range(len(files))]))
    if truths := [column.truth for column in columns if column.truth is not None]:
        rows.append((task.truth, truths))
    return contact_sheet(rows)
