"""What the page shows of runs beside their numbers: samples and curves, read once however many cells show them."""

from __future__ import annotations

from collections.abc import Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bench.base.errors import BenchError
from bench.base.home import Home
from bench.data.dataset import DataSet
from bench.data.opening import open_dataset
from bench.plugin.discovery import find_plugin, is_usable
from bench.report.drawn import run_stamp
from bench.report.figures import Figures, StoredFigure
from bench.report.pictures import Picture, Pictures
from bench.schema.run_spec import RunSpec, read_spec
from bench.show.samples import Samples, collect_samples, samples_without_inputs, shown_columns
from bench.tasks.task import Selection

if TYPE_CHECKING:  # what draws is imported where something has to be drawn
    import pandas as pd
    from matplotlib.figure import Figure

    from bench.show.curves import Series
    from bench.tasks.sheet import Column

LABEL_KINDS = {
    "input": "given to every method",
    "exemplar": "whose look it shall take",
    "output": "",
    "truth": "what the place really looks like",
}
CAPTIONS = {"input": "input {}", "exemplar": "the picture whose look {} shall take", "truth": "the truth for {}"}
SMALL_WIDTH, WIDE_WIDTH = 6.4, 9.0  # inches, of figures in a cell's evidence and below a table
SMALL_COLUMNS, WIDE_COLUMNS = 2, 3
MOST_SEEDS = 20  # that curves are drawn of; the band of more looks the same and takes a minute to read
MOST_LOSSES = 9  # panels below a table; every loss is in the evidence


@dataclass(frozen=True)
class GridRow:
    """One row of a sample grid: its label, a note, whether a method made it, and pictures with alternative texts."""

    label: str
    note: str
    is_output: bool
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

    Attributes:
        listed: the train keys of the runs that the page lists, to which it can link.
    """

    def __init__(self, home: Home, pictures: Pictures, figures: Figures) -> None:
        self.home, self.pictures, self.figures = home, pictures, figures
        self.listed: Set[str] = frozenset()
        self._specs: dict[str, RunSpec | str] = {}
        self._grids: dict[tuple[tuple[str, str], ...], SampleGrid] = {}
        self._columns: dict[str, list[Column]] = {}
        self._datasets: dict[str, DataSet | str] = {}
        self._series: dict[tuple[str, ...], tuple[pd.DataFrame, pd.DataFrame] | BenchError] = {}
        self._stamps: dict[str, str] = {}

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
        same = tuple(keys.items())
        if same not in self._grids:
            self._grids[same] = self._read_samples(title, keys)
        return replace(self._grids[same], title=title)

    def _read_samples(self, title: str, keys: Mapping[str, str]) -> SampleGrid:
        specs = {label: self.spec(key) for label, key in keys.items()}
        runs = {label: spec for label, spec in specs.items() if isinstance(spec, RunSpec)}
        missing = said_once({label: why for label, why in specs.items() if isinstance(why, str)})
        if not runs:
            return SampleGrid(title, [], missing)
        dataset = self._dataset(next(iter(runs.values())))
        try:
            if isinstance(dataset, str):
                samples = samples_without_inputs(self.home, runs)
                missing.append(f"what the methods were given cannot be shown: {dataset}")
            else:
                first = next(iter(runs.values()))
                place = f"{first.data.model_dump_json()} {first.task} {Selection.of_run(first, 'test')}"
                if place not in self._columns:
                    self._columns[place] = shown_columns(dataset, first)
                samples = collect_samples(self.home, dataset, runs, self._columns[place])
        except BenchError as error:
            return SampleGrid(title, [], [*missing, str(error)])
        missing += said_once(samples.missing)
        return SampleGrid(title, self._rows(samples) if samples.has_outputs else [], missing)

    def _rows(self, samples: Samples) -> list[GridRow]:
        rows = []
        for row in samples.rows:
            caption = CAPTIONS.get(row.kind, f"{row.label}, from {{}}")
            cells = zip(row.images, samples.names, strict=True)
            pictures = [(self.pictures.add(pixels), caption.format(name)) for pixels, name in cells]
            rows.append(GridRow(row.label, LABEL_KINDS[row.kind], row.kind == "output", pictures))
        return rows

    def _dataset(self, spec: RunSpec) -> DataSet | str:
        name = spec.data.model_dump_json()
        if name not in self._datasets:
            try:
                self._datasets[name] = open_dataset(spec.data, self.home.datasets, self.home.cache)
            except BenchError as error:
                self._datasets[name] = str(error)
        return self._datasets[name]

    def of_cell(
        self, label: str, train_keys: Mapping[int, str]
    ) -> tuple[SampleGrid | None, StoredFigure | None, list[str]]:
        """Samples of the first seed's run, curves of all runs, and what cannot be shown with the reason."""
        if not train_keys:
            return None, None, []
        samples = self.samples(f"Samples, seed {min(train_keys)}", {label: train_keys[min(train_keys)]})
        curves = self.cell_curves(label, train_keys)
        grid, missing = samples if samples.rows else None, list(samples.missing)
        if isinstance(curves, str):
            return grid, None, [*missing, f"no curves: {curves}"]
        return grid, curves, missing

    def cell_curves(self, label: str, train_keys: Mapping[int, str]) -> StoredFigure | str:
        """Losses and scores of one method's runs, small; or why there is nothing to draw."""
        drawn_keys = _first_seeds(train_keys)
        if damage := self._damage(drawn_keys):
            return damage

        def draw() -> tuple[Figure | None, str]:
            from bench.show.curves import curves_figure

            series = self._read_series(label, drawn_keys)
            names = series.loss_names
            figure = curves_figure([series], names, _directions([series.scores]), SMALL_WIDTH, SMALL_COLUMNS, "epoch")
            described = f"{label}: {_listed(names)} against the images seen; scores against the epoch"
            if len(drawn_keys) < len(train_keys):
                described += f"; the first {len(drawn_keys)} of {len(train_keys)} seeds"
            return figure, described if figure is not None else "nothing is logged yet"

        return self.figures.add(("curves", *sorted(train_keys.values())), self.shown({label: train_keys}), draw)

    def loss_figure(self, name: str, methods: Mapping[str, Mapping[int, str]]) -> StoredFigure | None:
        """The losses that several methods log, all methods in each panel."""

        def draw() -> tuple[Figure | None, str]:
            from bench.show.curves import curves_figure

            series = self._drawable(methods)
            logged = [loss for curves in series for loss in curves.loss_names]
            least = 2 if len(series) > 1 else 1
            names = [loss for loss in dict.fromkeys(logged) if logged.count(loss) >= least][:MOST_LOSSES]
            figure = curves_figure(series, names, {}, WIDE_WIDTH, WIDE_COLUMNS)
            of = _listed([curves.label for curves in series])
            return figure, f"{name}: {_listed(names)} against the images seen, for {of}"

        return _figure(self.figures.add(("losses", name), self.shown(methods), draw))

    def score_figure(self, name: str, methods: Mapping[str, Mapping[int, str]]) -> StoredFigure | None:
        """Every metric on the test images at every scored checkpoint, all methods in each panel."""

        def draw() -> tuple[Figure | None, str]:
            from bench.show.curves import curves_figure

            series = self._drawable(methods)
            metrics = _directions([curves.scores for curves in series])
            figure = curves_figure(series, [], metrics, WIDE_WIDTH, WIDE_COLUMNS, "epoch")
            of = _listed([curves.label for curves in series])
            return figure, f"{name}: {_listed(list(metrics))} against the epoch, for {of}"

        return _figure(self.figures.add(("scores", name), self.shown(methods), draw))

    def shown(self, methods: Mapping[str, Mapping[int, str]]) -> Any:
        """Everything that decides what curves look like, as JSON."""
        first = {label: _first_seeds(keys) for label, keys in methods.items()}
        specs = [
            spec for keys in first.values() for key in keys.values() if isinstance(spec := self.spec(key), RunSpec)
        ]
        metrics = {use.metric for spec in specs for plan in spec.plans for use in plan.metrics}
        return {
            "runs": {
                label: {str(seed): self._stamp(key) for seed, key in keys.items()} for label, keys in first.items()
            },
            "seeds": {label: len(keys) for label, keys in methods.items()},
            "metrics": {name: _direction(name) for name in sorted(metrics)},
        }

    def _stamp(self, key: str) -> str:
        if key not in self._stamps:
            self._stamps[key] = run_stamp(self.home.run(key))
        return self._stamps[key]

    def _damage(self, train_keys: Mapping[int, str]) -> str:
        """Why the first run whose specification cannot be read cannot be shown; empty if all can."""
        return next((spec for key in train_keys.values() if isinstance(spec := self.spec(key), str)), "")

    def _read_series(self, label: str, train_keys: Mapping[int, str]) -> Series:
        """The curves of one method's runs.

        Raises:
            BenchError: they cannot be read.
        """
        from bench.show.curves import Series, loss_curves, score_curves

        keys = tuple(train_keys.values())
        if keys not in self._series:
            first = self.spec(keys[0])
            assert isinstance(first, RunSpec)  # the caller has looked
            batch = int(first.config.get("batch_size", 1))
            try:
                self._series[keys] = (
                    loss_curves(self.home, train_keys, batch), score_curves(self.home, train_keys, batch)
                )  # fmt: skip
            except BenchError as error:
                self._series[keys] = error
        found = self._series[keys]
        if isinstance(found, BenchError):
            raise found
        return Series(label, *found)

    def _drawable(self, methods: Mapping[str, Mapping[int, str]]) -> list[Series]:
        series = []
        for label, all_keys in methods.items():
            keys = _first_seeds(all_keys)
            if self._damage(keys):
                continue
            with suppress(BenchError):  # its own evidence says so
                series.append(self._read_series(label, keys))
        return [curves for curves in series if not (curves.losses.empty and curves.scores.empty)]


def said_once(reasons: Mapping[str, str]) -> list[str]:
    """A line for each reason, with everyone that it concerns."""
    concerned: dict[str, list[str]] = {}
    for label, why in reasons.items():
        concerned.setdefault(why, []).append(label)
    return [f"{', '.join(labels)}: {why}" for why, labels in concerned.items()]


def _first_seeds(train_keys: Mapping[int, str]) -> Mapping[int, str]:
    return train_keys if len(train_keys) <= MOST_SEEDS else dict(list(train_keys.items())[:MOST_SEEDS])


def _figure(found: StoredFigure | str) -> StoredFigure | None:
    return None if isinstance(found, str) else found


def _directions(scores: list[pd.DataFrame]) -> dict[str, bool | None]:
    """Metric -> whether higher is better, None where neither is; of those that are here."""
    names = dict.fromkeys(name for frame in scores for name in frame.columns)
    metrics = [name for name in names if name not in ("seed", "images", "epoch")]
    return {name: _direction(name) for name in metrics if is_usable("metric", name)}


def _direction(name: str) -> bool | None:
    """Whether higher is better; None where neither is, or the metric is not here."""
    return find_plugin("metric", name).literals["higher_is_better"] if is_usable("metric", name) else None


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "nothing"
