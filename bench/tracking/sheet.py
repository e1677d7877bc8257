"""A run's sample grid: what it was given, what it made of that and, where there is one, the truth."""

from __future__ import annotations

from PIL import Image

from bench.base.errors import BenchError
from bench.base.home import Home, RunFolder
from bench.data.contact_sheet import contact_sheet
from bench.data.images import FileImages
from bench.data.opening import open_dataset
from bench.ledger.scores import evenly_spaced, scored_indices
from bench.run.sampling import generated_files, sample_files
from bench.run.score_checkpoint import real_images
from bench.schema.run_spec import RunSpec

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
    made = sorted(folder.samples("test", spec.total_epochs).glob("*.png"))
    try:
        dataset = open_dataset(spec.data, home.datasets, home.cache)
    except BenchError:  # results that were copied without their data
        shown = evenly_spaced(len(made), COLUMNS)
        row = (f"{label}\ninputs are not here", [FileImages(made).pixels(i) for i in shown])
        return contact_sheet([row]) if shown else None
    from_noise = "A" not in dataset.streams
    every = dataset.images("test", dataset.streams[0])
    inputs = every.subset(scored_indices(spec, "test", len(every)))
    samples = folder.samples("test", spec.total_epochs)
    files = generated_files(samples, len(inputs)) if from_noise else sample_files(samples, inputs.names)
    shown = evenly_spaced(len(inputs), COLUMNS)
    if not all(files[i].exists() for i in shown):
        return None
    given = "real images" if from_noise else "input A"
    rows = [(given, [inputs.pixels(i) for i in shown]), (label, [FileImages(files).pixels(i) for i in shown])]
    if dataset.aligned("test"):
        truth = real_images(spec, dataset, "test")
        rows.append(("truth B", [truth.pixels(i) for i in shown]))
    return contact_sheet(rows)
