"""What the page shows of runs beside their numbers: samples and curves, read once however many cells show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from bench.base.errors import BenchError
from bench.base.home import Home
from bench.data.dataset import DataSet
from bench.data.opening import open_dataset
from bench.plugin.discovery import find_plugin, is_usable
from bench.report.figures import Figures, StoredFigure
from bench.report.pictures import Picture, Pictures
from bench.schema.run_spec import RunSpec, read_spec
from bench.show.curves import Series, curves_figure, loss_curves, score_curves
from bench.show.samples import Samples, collect_samples, samples_without_inputs

LABEL_KINDS = {
    "input": "given to every method",
    "exemplar": "whose look it shall take",
    "output": "",
    "truth": "what the place really looks like",
}
CAPTIONS = {"input": "input {}", "exemplar": "the picture whose look {} shall take", "truth": "the truth for {}"}
SMALL_WIDTH, WIDE_WIDTH = 6.4, 9.0  # inches, of figures in a cell's evidence and below a table
SMALL_COLUMNS, WIDE_COLUMNS = 2, 3
MOST_LOSSES = 9  # panels below a table; every loss is in the evidence


@dataclass(frozen=True)
class GridRow:
    """One row of a sample grid: its label, a note, and pictures with alternative texts."""

    label: str
    note: str
    pictures: list[tuple[Picture, str]]


@dataclass(frozen=True)
class SampleGrid:
    """A grid of samples and what had to be left out of it, one line each."""

    title: str
    rows: list[GridRow]
    missing: list[str] = field(default_factory=list)


class RunMaterial:
    """Reads run folders.

    Args:
        home: the results root.
        pictures: where pictures are stored.
        figures: where figures are stored.
    """

    def __init__(self, home: Home, pictures: Pictures, figures: Figures) -> None:
        self.home, self.pictures, self.figures = home, pictures, figures
        self._specs: dict[str, RunSpec | str] = {}
        self._datasets: dict[str, DataSet | str] = {}
        self._series: dict[tuple[str, ...], Series | str] = {}

    def spec(self, key: str) -> RunSpec | str:
        """A run's specification, or why it cannot be read."""
        if key not in self._specs:
            try:
                self._specs[key] = read_spec(self.home.run(key).spec)
            except BenchError as error:
                there = self.home.run(key).path.exists()
                self._specs[key] = str(error) if there else f"run {key} is not in this results root"
        return self._specs[key]

    def samples(self, title: str, keys: Mapping[str, str]) -> SampleGrid:
        """The samples of several runs on one data set.

        Args:
            title: of the grid.
            keys: label -> train key, in the order shown.
        """
        specs = {label: self.spec(key) for label, key in keys.items()}
        runs = {label: spec for label, spec in specs.items() if isinstance(spec, RunSpec)}
        missing = [f"{label}: {why}" for label, why in specs.items() if isinstance(why, str)]
        if not runs:
            return SampleGrid(title, [], missing)
        dataset = self._dataset(next(iter(runs.values())))
        try:
            if isinstance(dataset, str):
                samples = samples_without_inputs(self.home, runs)
                missing.append(f"what the methods were given cannot be shown: {dataset}")
            else:
                samples = collect_samples(self.home, dataset, runs)
        except BenchError as error:
            return SampleGrid(title, [], [*missing, str(error)])
        missing += [f"{label}: {why}" for label, why in samples.missing.items()]
        return SampleGrid(title, self._rows(samples) if samples.has_outputs else [], missing)

    def _rows(self, samples: Samples) -> list[GridRow]:
        rows = []
        for row in samples.rows:
            caption = CAPTIONS.get(row.kind, f"{row.label}, from {{}}")
            cells = zip(row.images, samples.names, strict=True)
            pictures = [(self.pictures.add(pixels), caption.format(name)) for pixels, name in cells]
            rows.append(GridRow(row.label, LABEL_KINDS[row.kind], pictures))
        return rows

    def _dataset(self, spec: RunSpec) -> DataSet | str:
        name = spec.data.model_dump_json()
        if name not in self._datasets:
            try:
                self._datasets[name] = open_dataset(spec.data, self.home.datasets, self.home.cache)
            except BenchError as error:
                self._datasets[name] = str(error)
        return self._datasets[name]

    def series(self, label: str, train_keys: Mapping[int, str]) -> Series | str:
        """The curves of one method's runs, or why there are none."""
        keys = tuple(train_keys.values())
        if keys not in self._series:
            self._series[keys] = self._read_series(train_keys)
        series = self._series[keys]
        return series if isinstance(series, str) else Series(label, series.losses, series.scores)

    def _read_series(self, train_keys: Mapping[int, str]) -> Series | str:
        specs = [self.spec(key) for key in train_keys.values()]
        if wrong := [spec for spec in specs if isinstance(spec, str)]:
            return wrong[0]
        first = specs[0]
        assert isinstance(first, RunSpec)
        batch = int(first.config.get("batch_size", 1))
        try:
            return Series("", loss_curves(self.home, train_keys, batch), score_curves(self.home, train_keys, batch))
        except BenchError as error:
            return str(error)

    def cell_curves(self, label: str, train_keys: Mapping[int, str]) -> StoredFigure | str:
        """Losses and scores of one method's runs, small; or why there is nothing to draw."""
        series = self.series(label, train_keys)
        if isinstance(series, str):
            return series
        figure = curves_figure(
            [series], series.loss_names, self._directions([series.scores]), SMALL_WIDTH, SMALL_COLUMNS, "epoch"
        )
        if figure is None:
            return "nothing is logged yet"
        described = f"{label}: {_listed(series.loss_names)} against the images seen; scores against the epoch"
        return self.figures.add(("curves", *sorted(train_keys.values())), figure, described)

    def loss_figure(self, name: str, methods: Mapping[str, Mapping[int, str]]) -> StoredFigure | None:
        """The losses that several methods log, all methods in each panel."""
        series = self._drawable(methods)
        logged = [loss for curves in series for loss in curves.loss_names]
        least = 2 if len(series) > 1 else 1
        names = [loss for loss in dict.fromkeys(logged) if logged.count(loss) >= least][:MOST_LOSSES]
        figure = curves_figure(series, names, {}, WIDE_WIDTH, WIDE_COLUMNS)
        described = (
            f"{name}: {_listed(names)} against the images seen, for {_listed([curves.label for curves in series])}"
        )
        return None if figure is None else self.figures.add(("losses", name), figure, described)

    def score_figure(self, name: str, methods: Mapping[str, Mapping[int, str]]) -> StoredFigure | None:
        """Every metric on the test images at every scored checkpoint, all methods in each panel."""
        series = self._drawable(methods)
        metrics = self._directions([curves.scores for curves in series])
        figure = curves_figure(series, [], metrics, WIDE_WIDTH, WIDE_COLUMNS, "epoch")
        described = (
            f"{name}: {_listed(list(metrics))} against the epoch, for {_listed([curves.label for curves in series])}"
        )
        return None if figure is None else self.figures.add(("scores", name), figure, described)

    def _drawable(self, methods: Mapping[str, Mapping[int, str]]) -> list[Series]:
        read = [self.series(label, keys) for label, keys in methods.items()]
        return [
            curves
            for curves in read
            if isinstance(curves, Series) and not (curves.losses.empty and curves.scores.empty)
        ]

    def _directions(self, scores: list[pd.DataFrame]) -> dict[str, bool | None]:
        names = dict.fromkeys(name for frame in scores for name in frame.columns)
        metrics = [name for name in names if name not in ("seed", "images", "epoch")]
        known = [name for name in metrics if is_usable("metric", name)]
        return {name: find_plugin("metric", name).literals["higher_is_better"] for name in known}


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "nothing"
