"""Tables -> runs -> cells: a deduplicated graph of runs (runs may need runs), and the cells that read their scores."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bench.base.device import DeviceType
from bench.base.errors import BenchError, NotAvailable, UsageError
from bench.base.home import Home
from bench.base.many import mapped
from bench.base.precision import Precision, deviations
from bench.base.ranks import ONE, Ranks
from bench.data.dataset import DataSet
from bench.data.opening import open_dataset
from bench.ledger.facts import RunFacts, facts_of_all
from bench.metrics.metric import load_metric
from bench.plan.check_protocol import check_protocol
from bench.plan.resolve import Resolution, resolve
from bench.plugin.discovery import plugins
from bench.schema.cell import Cell
from bench.schema.data import DataConfig
from bench.schema.protocol import Protocol, load_protocol
from bench.schema.run_spec import RunSpec, is_news, write_spec
from bench.schema.table import CountedImages, Table, TableCell
from bench.schema.upkeep import NOTHING_SAID, Upkeep, is_news_of_upkeep, write_upkeep


@dataclass
class PlannedCell:
    """A table's cell and the runs that fill it.

    Attributes:
        entry: the cell as the table file has it.
        table: the table it stands in.
        resolution: what is run for it; None if nothing can be.
        keys: seed -> train key.
        blocked: (state, reason) if nothing can be run.
        counted: stream -> images that are here, in a row that counts them.
    """

    entry: TableCell
    table: Table
    scale: str
    resolution: Resolution | None = None
    keys: dict[int, str] = field(default_factory=dict)
    blocked: tuple[str, str] | None = None
    counted: dict[str, int] | None = None

    def template(self) -> Cell:
        """The cell before any measurement."""
        entry, resolution = self.entry, self.resolution
        stand_in = (
            resolution.asked.stand_in_metrics.get(entry.metric) if resolution and resolution.is_stand_in else None
        )
        scored_as = stand_in if resolution and resolution.is_stand_in else entry.metric
        return Cell(
            paper=self.table.paper,
            table=self.table.name,
            row=entry.row,
            column=entry.column,
            method=entry.method,
            protocol=entry.protocol,
            ran_as=resolution.ran.id if resolution else None,
            scale=self.scale,
            metric=entry.metric,
            scored_as=scored_as if resolution else None,
            higher_is_better=entry.higher_is_better,
            published=entry.published,
            published_text=entry.published_text,
            published_source=entry.published_source,
            published_note=entry.published_note,
            state="not run",
            deviations=resolution.deviations if resolution else [],
            counts=resolution.asked.counts if resolution else "last",
            train_keys=self.keys,
        )


@dataclass
class _Draft:
    """What all runs of a resolution share, whatever their seed.

    Attributes:
        needs: role -> what has to be finished first.
        splits: of the data set.
        spec: of a run but for its seed and needs; None until the first one is added.
    """

    needs: dict[str, Resolution]
    splits: tuple[str, ...]
    spec: RunSpec | None = None


class Grid:
    """Runs, each once, ordered so that a run comes after the runs it needs.

    Args:
        home: where data sets are found and caches are kept.
        device: what every run computes on, so that no cell mixes types of devices.
        upkeep: what the command says of the runs' files.
        precision: of every run's steps.
        ranks: the processes of each run that is asked for; runs that those need, and that score them, have one.
        label: what people will find the runs by; empty: none.
    """

    def __init__(
        self,
        home: Home,
        device: DeviceType = "cpu",
        upkeep: Upkeep = NOTHING_SAID,
        precision: Precision = "fp32",
        ranks: Ranks = ONE,
        label: str = "",
    ) -> None:
        self.home, self.device, self.precision, self.ranks = home, device, precision, ranks
        self.runs: dict[str, RunSpec] = {}
        self.names: dict[str, str] = {}
        self.cells: list[PlannedCell] = []
        self.splits: dict[str, tuple[str, ...]] = {}
        self.upkeep, self.labels = upkeep, [label] if label else []
        self._datasets: dict[str, DataSet] = {}
        self._drafts: dict[str, _Draft] = {}  # by what the resolution says of its runs
        self._added: dict[tuple[str, int, Ranks], str] = {}  # the same, seed, ranks -> train key
        self._segmenters: dict[str, str] = {}  # whose images and at which scale -> train key

    @property
    def deviations(self) -> list[str]:
        """What no run of it does as published, whatever its configuration."""
        return deviations(self.precision) + self.ranks.deviations

    def dataset(self, resolution: Resolution) -> DataSet:
        """The data set of a resolution, opened once.

        Raises:
            NotAvailable: it is not on this machine; the message says how to get it.
        """
        return self._open(resolution.ran.data)

    def dataset_of(self, spec: RunSpec) -> DataSet:
        """The data set of a planned run, opened once."""
        return self._open(spec.data)

    def _open(self, data: DataConfig) -> DataSet:
        name = data.model_dump_json()
        if name not in self._datasets:
            self._datasets[name] = open_dataset(data, self.home.datasets, self.home.cache)
        return self._datasets[name]

    def add_run(
        self,
        resolution: Resolution,
        seed: int,
        needed_by: tuple[tuple[str, str, str], ...] = (),
        ranks: Ranks | None = None,
    ) -> str:
        """Add a run and everything it needs; equal runs are added once.

        Args:
            resolution: what is run.
            seed: of the run.
            needed_by: the runs that it is added for, to find circles.
            ranks: its processes; None: the grid's.

        Returns:
            The train key.

        Raises:
            NotAvailable: if data or weights that it needs are not on this machine.
            UsageError: if runs need each other in a circle, or its method cannot be run on so many ranks.
        """
        same, together = resolution.runs_name, self.ranks if ranks is None else ranks
        if (known := self._added.get((same, seed, together))) is not None:  # another column of the same runs
            return known
        draft = self._draft(resolution, same)
        label = resolution.plugin.name
        # a teacher is often the same method with other settings, which is no circle
        itself = (label, resolution.reference, json.dumps(resolution.values))
        if itself in needed_by:
            names = " -> ".join(name for name, *_ in (*needed_by, itself))
            raise UsageError(f"runs need each other in a circle: {names}")
        self._require_possible(together, resolution)
        needs = {role: self.add_run(needed, seed, (*needed_by, itself), ONE) for role, needed in draft.needs.items()}
        if draft.spec is None:
            draft.spec = self._spec_of(resolution)
        spec = draft.spec.model_copy(update={"seed": seed, "needs": needs, "ranks": together})
        key = spec.train_key
        self.runs[key] = self.runs[key].merged(spec) if key in self.runs else spec
        self.names[key] = f"{resolution.called} on {resolution.ran.name}, seed {seed}"
        self.splits[key] = draft.splits
        self._added[same, seed, together] = key
        return key

    def _require_possible(self, ranks: Ranks, resolution: Resolution) -> None:
        """Refuse ranks on which a method cannot be run."""
        if ranks.count > 1:  # only then is the method itself imported and asked
            method, batch_size = resolution.method_class, resolution.values["batch_size"]
            if reason := ranks.refusal(resolution.plugin.name, method.across_ranks, batch_size):
                raise UsageError(reason)

    def _draft(self, resolution: Resolution, same: str) -> _Draft:
        """What the runs of a resolution share, found out once."""
        draft = self._drafts.get(same)
        if draft is None:
            dataset = self.dataset(resolution)
            for file in resolution.weights:
                file.find(self.home.weights)
            needs = {
                role: resolve(method, resolution.asked, resolution.scale_name, overrides)
                for role, (method, overrides) in sorted(resolution.needs.items())
            }
            draft = self._drafts[same] = _Draft(needs, tuple(dataset.splits))
        return draft

    def _spec_of(self, resolution: Resolution) -> RunSpec:
        """The specification of a resolution's runs but for their seed and the runs that they need."""
        dataset = self.dataset(resolution)
        segmenter, no_segmenter = None, ""
        try:
            segmenter = self.add_segmenter(resolution.ran, resolution.scale_name)
        except UsageError:
            raise
        except BenchError as error:  # the run itself can be had, and its other scores
            no_segmenter = str(error)
        return RunSpec(
            method=resolution.reference,
            label=resolution.plugin.name,
            revisions={**resolution.revisions(), **dataset.revisions()},
            config=resolution.values,
            data=resolution.ran.data,
            fingerprint=dataset.fingerprint(),
            seed=0,
            device=self.device,
            precision=self.precision,
            threads=resolution.scale.threads,
            plugins=resolution.plugin_files(),
            evaluation=resolution.evaluation.model_copy(update={"segmenter": segmenter, "no_segmenter": no_segmenter}),
            asked_by=[f"{resolution.asked.id} {resolution.scale_name}"],
            task=resolution.asked.task,  # which its method is for, or it would have been refused
            called=resolution.called if resolution.called != resolution.plugin.name else "",
            labels=self.labels,
        )

    def add_segmenter(self, protocol: Protocol, scale: str) -> str | None:
        """Add the run of the segmentation network that scores a protocol's images; one for all methods and seeds.

        Args:
            protocol: the one whose data is used, not one that it stands in for.
            scale: smoke, mini or paper.

        Returns:
            Its train key, None if the protocol has no such network.

        Raises:
            NotAvailable: if its data or weights, or the label maps of the images, are not on this machine.
        """
        use = protocol.segmenter
        if use is None:
            return None
        same = f"{use.model_dump_json()} {protocol.data.model_dump_json()} {scale}"
        if same not in self._segmenters:
            self._open(protocol.data).labels("test")
            resolution = resolve(use.method, load_protocol(use.protocol), scale)
            self._segmenters[same] = self.add_run(resolution, seed=0, ranks=ONE)
        return self._segmenters[same]

    def add_table(
        self,
        table: Table,
        scale: str,
        seeds: Iterable[int] | None = None,
        only_methods: list[str] | None = None,
        settings: dict[str, Any] | None = None,
    ) -> None:
        """Add every cell of a table, with the runs behind it.

        Args:
            table: the table.
            scale: smoke, mini or paper.
            seeds: seeds of each run; None: as many as the scale says.
            only_methods: leave the other rows not run.
            settings: the user's own configuration changes (--set).
        """
        chosen = list(seeds) if seeds is not None else None
        methods = {row.method for row in table.rows if row.method is not None and _exists("method", row.method)}
        entries = table.cells()
        names = dict.fromkeys(entry.protocol for entry in entries if entry.counted is None)
        protocols = {name: load_protocol(name) for name in names}
        for protocol in protocols.values():
            check_protocol(protocol, scale, methods)
        resolved: dict[str, Resolution] = {}  # columns of one protocol ask for the same
        for entry in entries:
            cell = PlannedCell(entry, table, scale)
            self.cells.append(cell)
            if entry.counted is not None:
                self._count(cell, entry.counted)
                continue
            if entry.is_target:
                cell.blocked = ("not run", "what the training images get is measured with the first method")
                continue
            if entry.method is None or not _exists("method", entry.method):
                cell.blocked = ("not implemented", f"method {entry.row} does not exist yet")
                continue
            left_out = only_methods is not None and entry.method not in only_methods
            same = json.dumps([entry.method, entry.protocol, entry.overrides, left_out])
            try:
                if same not in resolved:
                    resolved[same] = resolve(
                        entry.method, protocols[entry.protocol], scale, entry.overrides, None if left_out else settings
                    )
                cell.resolution = resolved[same]
            except NotAvailable as error:
                cell.blocked = ("not available", str(error))
                continue
            if left_out:
                cell.blocked = ("not run", "left out by --method")
                continue
            scored_as = cell.template().scored_as
            if scored_as is None or not _exists("metric", scored_as):
                what = f"metric {scored_as or entry.metric} does not exist yet"
                cell.blocked = ("not implemented", what if scored_as else f"{what} on {cell.resolution.ran.id}")
                continue
            if (reason := cell.resolution.ran.not_measured.get(scored_as)) is not None:
                cell.blocked = ("not available", reason)
                continue
            try:
                if load_metric(scored_as).uses_segmenter:
                    self.add_segmenter(cell.resolution.ran, scale)
                counts = self.dataset(cell.resolution).count_deviations() + self.deviations
                cell.resolution = replace(cell.resolution, deviations=cell.resolution.deviations + counts)
                count = cell.resolution.asked.scale(scale).seeds
                for seed in chosen if chosen is not None else range(count):
                    cell.keys[seed] = self.add_run(cell.resolution, seed)
            except NotAvailable as error:
                cell.blocked = ("not available", str(error))
            except UsageError:
                raise
            except BenchError as error:
                cell.blocked = ("failed", str(error))

    def _count(self, cell: PlannedCell, images: CountedImages) -> None:
        """Count the images of a data set, if it is here."""
        data = images.data or load_protocol(images.name).data
        try:
            dataset = self._open(data)
            cell.counted = {stream: len(dataset.images(images.split, stream)) for stream in images.streams}
        except NotAvailable as error:
            cell.blocked = ("not available", str(error))
        except BenchError as error:
            cell.blocked = ("failed", str(error))

    def write_specs(self) -> list[str]:
        """Write every run's `spec.json`, so that a run's process knows what to do, and what is said of its files.

        Returns:
            A line for each that was damaged, and is written anew.
        """
        damage = []
        keys = list(self.runs)
        for key, has_news in zip(keys, mapped(self._has_news, keys), strict=True):
            if has_news:
                damage.append(write_spec(self.home.run(key).spec, self.runs[key]))
                write_upkeep(self.home.run(key), self.upkeep)
        return [line for line in damage if line]

    def _has_news(self, key: str) -> bool:
        """Whether a run's folder does not say yet what this grid says of it."""
        folder = self.home.run(key)
        return is_news(folder.spec, self.runs[key]) or is_news_of_upkeep(folder, self.upkeep)

    def facts(self, keys: Sequence[str] | None = None) -> dict[str, RunFacts]:
        """What is known of the grid's runs, or of some of them, each record read once."""
        return facts_of_all(self.home, self.runs, self.splits, keys)

    def unfinished(self) -> dict[str, RunSpec]:
        """The runs that still have something to do: training, or scores that this machine could measure."""
        return {key: self.runs[key] for key, known in self.facts().items() if not known.is_complete}


def _exists(kind: str, reference: str) -> bool:
    """Whether a table can name this plugin: an installed one, or a file's, whose own errors are the better ones."""
    return reference.rpartition(":")[0].endswith(".py") or reference in plugins(kind)
