"""What MLflow should show of the ledger: one record per run, and one per group and experiment. Imports no mlflow."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from bench.base.errors import BenchError, UsageError
from bench.base.hashing import file_sha256
from bench.base.home import Home, RunFolder
from bench.ledger.folders import examine, metric_rows, read_progress, read_result, run_state
from bench.ledger.scores import read_score, score_key, wanted
from bench.plugin.discovery import find_plugin
from bench.schema.cell import State
from bench.schema.protocol import load_protocol
from bench.schema.run_spec import RunSpec, read_spec
from bench.tracking.groups import Group, Standing, read_comparison, read_table
from bench.tracking.mlflow_run import DataName, MlflowRun, Point

Found = TypeVar("Found")

# how MLflow calls the states of a run; a stopped one is KILLED until the same command goes on with it
STATUS: dict[State, str] = {"done": "FINISHED", "failed": "FAILED", "running": "RUNNING", "not run": "KILLED"}

# one colour a method in every chart, the same for its seeds (MLflow's own come from run ids and may coincide)
COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf")


@dataclass(frozen=True)
class Place:
    """Where a run stands: its experiment, its group and all its standings, the group's first."""

    experiment: str
    group: Group | None
    standings: list[Standing]

    @property
    def parent(self) -> str | None:
        """Identity of the parent record."""
        return self.group.identity(self.experiment) if self.group else None


class Ledger:
    """A snapshot of a results root, read as little as possible: each run's record is made only when asked for.

    Args:
        home: the results root.

    Attributes:
        problems: a line for each file that cannot be read.
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        self.problems: list[str] = []
        self.groups = self._readable(read_table, home.table_cells())
        self.groups += self._readable(read_comparison, home.comparisons())
        self.specs = dict(self._readable(_read_run, [folder.spec for folder in home.runs()]))
        self.states = dict(self._readable(self._state, [home.run(key).path for key in self.specs]))
        self.specs = {key: spec for key, spec in self.specs.items() if key in self.states}
        self.places = {key: self._place(key) for key in self.specs}
        for key, (state, _) in self.states.items():
            if state != "running":
                self.problems += _problems(home.run(key), _stamp(home.run(key)))
        for key, spec in self.specs.items():  # a run that only other runs ask for stands beside them
            for needed in spec.comes_after:
                place = self.places.get(needed)
                if place is not None and place.group is None:
                    self.places[needed] = Place(self.places[key].experiment, self.places[key].group, [])

    def begun(self) -> list[str]:
        """Every run that has begun, by key."""
        return [key for key in self.specs if self._has_begun(key)]

    def fingerprint(self, key: str) -> str:
        """Changes whenever the run's record might; costs a look at its files' sizes and times."""
        place = self.places[key]
        parts = [self.states[key], place.experiment, place.parent, place.standings, *_stamp(self.home.run(key))]
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def digest(self) -> str:
        """Of everything that should be shown."""
        parts = [(parent.identity, group_fingerprint(parent)) for parent in self.parents()]
        parts += [(key, self.fingerprint(key)) for key in self.begun()]
        return hashlib.sha256(repr([sorted(parts), self.problems]).encode()).hexdigest()[:16]

    def run(self, key: str) -> MlflowRun:
        """The record of one run."""
        folder, spec, place = self.home.run(key), self.specs[key], self.places[key]
        state, reason = self.states[key]
        result, progress = read_result(folder), read_progress(folder)
        rows = metric_rows(folder)
        per_step = (result.train_seconds or 0.0) / result.steps if result else progress.seconds_per_step or 0.0
        last_time = folder.metrics.stat().st_mtime if rows else folder.spec.stat().st_mtime
        last_step = rows[-1]["step"] if rows else 0
        # metrics.jsonl holds no clock times (reruns compare equal): they follow from its age and the time of a step
        training = [
            Point(
                row["step"],
                last_time - (last_step - row["step"]) * per_step,
                {f"train/{metric_name(name)}": value for name, value in row.items() if name not in ("step", "epoch")},
            )
            for row in rows
        ]
        label = place.standings[0].label if place.standings else spec.name
        scales = list(dict.fromkeys(request.rpartition(" ")[2] for request in spec.asked_by))
        tags = {
            "state": state,
            "reason": reason,
            "train_key": key,
            "scale": ", ".join(scales),
            "asked_by": ", ".join(spec.asked_by),
            "label": ", ".join(spec.labels),
            "folder": str(folder.path),
            **_standing_tags(place.standings),
            "mlflow.runColor": _colour(place, label),
            "mlflow.note.content": _run_note(label, spec, place, state, reason, folder),
        }
        files = {path.name: path for path in (folder.spec, folder.result, folder.error) if path.exists()}
        last_change = max([last_time, *(path.stat().st_mtime for name, path in files.items() if name != "spec.json")])
        has_samples = state == "done" and folder.samples("test", spec.total_epochs).is_dir()
        return MlflowRun(
            identity=key,
            experiment=place.experiment,
            name=f"{label}, seed {spec.seed}",
            status=STATUS[state],
            started=last_time - last_step * per_step,
            ended=None if state == "running" else last_change,
            parent=place.parent,
            params=_params(spec, scales),
            tags=tags,
            training=training,
            scores=_scores(folder, spec, result.steps if result else progress.total_steps),
            files=files,
            samples=(folder, spec) if has_samples else None,
            data=DataName(spec.data.name, spec.fingerprint[:12], spec.data.model_dump_json()),
        )

    def parents(self) -> Iterator[MlflowRun]:
        """The records of groups, one for each experiment in which a group has a run that has begun."""
        begun = self.begun()
        for group in self.groups:
            keys = [key for key in begun if self.places[key].group is group]
            for experiment in dict.fromkeys(self.places[key].experiment for key in keys):
                keys_there = [key for key in keys if self.places[key].experiment == experiment]
                yield self._parent(group, experiment, keys_there)

    def _parent(self, group: Group, experiment: str, keys: list[str]) -> MlflowRun:
        counts = Counter(self.states[key][0] for key in keys)
        status = next((STATUS[state] for state in ("running", "failed", "not run") if counts[state]), "FINISHED")
        other_experiments = {place.experiment for place in self.places.values()} - {experiment}
        sheets_of_others = {f"samples-{name.split('@')[0]}.png" for name in other_experiments}
        files = {
            path.name: path
            for path in sorted(group.folder.iterdir())
            if path.is_file() and not path.name.startswith(".") and path.name not in sheets_of_others
        }
        started = min(self.home.run(key).spec.stat().st_mtime for key in keys)
        standings = [place for places in group.standings.values() for place in places if place.experiment == experiment]
        tags = {
            "state": ", ".join(f"{count} {state}" for state, count in counts.most_common()),
            "all_of_it": group.state,
            "scale": group.scale,
            "folder": str(group.folder),
            **_standing_tags(standings),
            "part_of": "",
            "mlflow.note.content": _group_note(group, experiment, sorted(files)),
        }
        return MlflowRun(
            identity=group.identity(experiment),
            experiment=experiment,
            name=f"{group.name}, {group.scale}",
            status=status,
            started=started,
            ended=None if status == "RUNNING" else max([started, *(path.stat().st_mtime for path in files.values())]),
            parent=None,
            params={group.kind: group.name, "scale": group.scale},
            tags=tags,
            files=files,
        )

    def _has_begun(self, key: str) -> bool:
        folder = self.home.run(key)
        return self.states[key][0] != "not run" or folder.metrics.exists() or folder.progress.exists()

    def _place(self, key: str) -> Place:
        groups = [group for group in self.groups if key in group.standings]
        if not groups:
            return Place(_ran_as(self.specs[key]), None, [])
        # trained once, whoever wants it; MLflow knows one parent: the first
        standings = [standing for group in groups for standing in group.standings[key]]
        return Place(standings[0].experiment, groups[0], standings)

    def _state(self, path: Path) -> tuple[str, tuple[State, str]]:
        return path.name, run_state(RunFolder(path))

    def _readable(self, read: Callable[[Path], Found], paths: list[Path]) -> list[Found]:
        """What can be read of some files; one that is damaged must not keep the others from being shown."""
        contents = []
        for path in paths:
            try:
                contents.append(read(path))
            except BenchError as error:
                self.problems.append(f"{path}: cannot be shown: {error}")
        return contents


def _stamp(folder: RunFolder) -> tuple[tuple[str, int, int], ...]:
    """Sizes and times of a run's records."""
    stamps = []
    for path in (folder.spec, folder.metrics, folder.result, folder.error, *sorted(folder.scores.glob("*.json"))):
        with suppress(OSError):
            status = path.stat()
            stamps.append((path.name, status.st_size, status.st_mtime_ns))
    return tuple(stamps)


@lru_cache(maxsize=4096)  # whoever follows a home for hours checks a record when it changes
def _problems(folder: RunFolder, stamp: object) -> list[str]:
    """A line for each record of a run that is not what was written; the stamp says when they were."""
    return examine(folder).problems


def group_fingerprint(record: MlflowRun) -> str:
    """Of a group's record: it has no metrics, so that all of it can be compared."""
    files = []
    for name, path in sorted(record.files.items()):
        status = path.stat()
        files.append((name, _content_digest(path, status.st_size, status.st_mtime_ns)))
    parts = [record.name, record.status, sorted(record.tags.items()), files]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


@lru_cache(maxsize=4096)  # a table is written again, with the same content, by every command about it
def _content_digest(path: Path, _size: int, _time: int) -> str:
    return file_sha256(path)


def metric_name(name: str) -> str:
    """A name MLflow accepts: letters, digits and `_-. `; a slash would open a group of its own."""
    return re.sub(r"[^\w\-. ]", "_", name)


def _read_run(path: Path) -> tuple[str, RunSpec]:
    return path.parent.name, read_spec(path)


def _ran_as(spec: RunSpec) -> str:
    """The protocol that ran, for a run in no group: the one that asked for it, or that protocol's stand-in."""
    if not spec.asked_by:
        return spec.data.name
    protocol, _, scale = spec.asked_by[0].partition(" ")
    return _stand_in(protocol, scale)


@lru_cache(maxsize=256)  # hundreds of runs ask the same few protocol files
def _stand_in(protocol: str, scale: str) -> str:
    try:
        stand_in = load_protocol(protocol).scale(scale).stand_in
        return load_protocol(stand_in).id if stand_in else protocol
    except UsageError:  # a protocol file of the user's own, or a version that is gone
        return protocol


def _scores(folder: RunFolder, spec: RunSpec, total_steps: int | None) -> list[Point]:
    if total_steps is None:  # the training process has not said yet how many steps an epoch has
        return []
    points = []
    for epoch, split, use in wanted(spec, ("validation", "test")):
        key = score_key(spec, epoch, split, use)
        stored = read_score(folder, key)
        if stored is not None and stored.value is not None:
            group = "eval" if split == "test" else "eval-validation"
            name = f"{group}/{metric_name(find_plugin('metric', use.metric).name)}"
            written = (folder.scores / f"{key}.json").stat().st_mtime
            points.append(Point(epoch * total_steps // spec.total_epochs, written, {name: stored.value}))
    return points


def _params(spec: RunSpec, scales: list[str]) -> dict[str, str]:
    run = {"method": spec.label, "data": spec.data.name, "seed": str(spec.seed), "scale": scales[0] if scales else ""}
    run |= {"ranks": spec.ranks.text} if spec.ranks.count > 1 else {}
    return dict(_leaves(spec.config)) | run | {"threads": str(spec.threads), "precision": spec.precision}


def _leaves(config: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in config.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value if isinstance(value, str) else json.dumps(value)


def _standing_tags(standings: list[Standing]) -> dict[str, str]:
    return {
        "comparability": ", ".join(dict.fromkeys(s.comparability for s in standings if s.comparability)),
        "verdict": "; ".join(dict.fromkeys(s.verdict for s in standings if s.verdict)),
        "deviations": "; ".join(dict.fromkeys(line for s in standings for line in s.deviations)),
        "part_of": "; ".join(dict.fromkeys(s.place for s in standings)),
    }


def _colour(place: Place, label: str) -> str:
    if place.group is None or label not in place.group.labels:
        return ""
    return COLOURS[place.group.labels.index(label) % len(COLOURS)]


def _run_note(label: str, spec: RunSpec, place: Place, state: str, reason: str, folder: RunFolder) -> str:
    lines = [f"**{label}**, seed {spec.seed}, on {place.experiment}: {state}{': ' + reason if reason else ''}", ""]
    lines += [f"* in {where}" for where in dict.fromkeys(standing.place for standing in place.standings)]
    deviations = dict.fromkeys(line for standing in place.standings for line in standing.deviations)
    if deviations:
        lines += ["", "What differs from the published run:", "", *(f"* {line}" for line in deviations)]
    return "\n".join([*lines, "", f"Folder: `{folder.path}`"])


def _group_note(group: Group, experiment: str, files: list[str]) -> str:
    pages = [name for name in files if name.startswith("table.")]
    pictures = [name for name in files if name.endswith(".png")]
    lines = [f"**{group.name}**, scale {group.scale}: its runs on {experiment} are the runs below this one.", ""]
    if pages:
        lines.append(f"* the table is under Artifacts: {', '.join(f'`{name}`' for name in pages)}")
    if pictures:
        lines.append(f"* so are its pictures: {', '.join(f'`{name}`' for name in pictures)}")
    return "\n".join([*lines, f"* on disk: `{group.folder}`"])
