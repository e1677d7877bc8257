"""Write to MLflow what the ledger has and MLflow lacks.

What MLflow has is asked of MLflow, never remembered in a file: a deleted database or a projector killed between two writes
needs no repair.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from filelock import FileLock

from bench.base.errors import BenchError
from bench.base.home import Home
from bench.base.leftovers import scratch_folder
from bench.base.processes import process_start
from bench.tracking.address import TrackingDown, mark_path
from bench.tracking.last_pass import LastPass, asked, database_stamp, read_last_pass
from bench.tracking.ledger_view import Ledger, group_fingerprint
from bench.tracking.mlflow_run import DataName, MlflowRun, Point
from bench.tracking.shown import DONE_TAG, FILES_TAG, HOME_TAG, IDENTITY_TAG, InMlflow, read_history, read_shown
from bench.tracking.store import experiment_id, home_identity, meaning, open_client, own_experiments, reason

_WRITER = f"{socket.gethostname()} {os.getpid()} {process_start(os.getpid())}"
BATCH_METRICS, BATCH_PARAMS = 1000, 100  # MLflow's limits of one log_batch
PARAM_LENGTH, TAG_LENGTH = 6000, 5000
SHEET = "samples.png"  # the grid that is drawn for MLflow


@dataclass
class Report:
    """What one pass did.

    Attributes:
        runs, running: runs that have begun, and those that are under way.
        written: records with something new.
        points: metric values written.
        problems: a line for each file or run that could not be shown.
    """

    runs: int = 0
    running: int = 0
    written: int = 0
    points: int = 0
    problems: list[str] = field(default_factory=list)


class Projector:
    """Projects one results root to one MLflow address.

    Args:
        home: the results root.
        uri: MLflow's address.
    """

    def __init__(self, home: Home, uri: str) -> None:
        self.home, self.uri = home, uri
        self.lock = FileLock(mark_path(home, uri, "lock"))
        self.client: Any = None
        self.identity = ""
        self.experiments: dict[str, str] = {}
        self.shown: dict[str, InMlflow] = {}

    def project(self) -> Report:
        """Bring MLflow up to date, and keep what came of it; waits while another process does so.

        Raises:
            TrackingDown: MLflow cannot be reached; what was written stays, the rest is left for another pass.
            TrackingUnusable: the address or the database cannot be used, however often it is asked.
            UsageError: MLflow cannot have such an address.
        """
        with self.lock:
            requests = asked(self.home, self.uri)
            last = read_last_pass(self.home, self.uri)
            if last is None or last.writer != _WRITER:  # somebody else wrote since: what we know may be old
                self._forget()
            try:
                report, ledger = self._pass()
            except BenchError as error:
                self._forget()
                is_permanent = not isinstance(error, TrackingDown)
                self._keep(LastPass(writer=_WRITER, answers=requests, failure=str(error), is_permanent=is_permanent))
                raise
            except BaseException:
                self._forget()
                raise
            stamp = database_stamp(self.uri)
            self._keep(
                LastPass(
                    writer=_WRITER, answers=requests, ledger=ledger, database=stamp, problems=tuple(report.problems)
                )
            )
            return report

    def nothing_new(self) -> Report | None:
        """What a pass would report, where it would do nothing, as far as a database file tells; None: it has to be made."""
        last = read_last_pass(self.home, self.uri)
        if last is None or not last.database:
            return None
        ledger = Ledger(self.home)
        if not last.shows(ledger.digest(), self.uri):
            return None
        running = [key for key in ledger.begun() if ledger.states[key][0] == "running"]
        return Report(runs=len(ledger.begun()), running=len(running))

    def requests(self) -> int:
        """How many passes commands have asked for."""
        return asked(self.home, self.uri)

    def _keep(self, last: LastPass) -> None:
        with suppress(BenchError):  # a full disk; then others ask again
            last.write(self.home, self.uri)

    def _forget(self) -> None:
        self.client, self.experiments, self.shown = None, {}, {}

    def _pass(self) -> tuple[Report, str]:
        ledger = Ledger(self.home)
        digest = ledger.digest()
        report = Report(problems=list(ledger.problems))
        if self.client is None:
            client = open_client(self.home, self.uri)
            self.identity = home_identity(self.home)
            self.shown = self._ask(client)
            self.client = client
        for parent in ledger.parents():
            self._project(parent.identity, lambda parent=parent: parent, group_fingerprint(parent), report)  # type: ignore[misc]
        for key in ledger.begun():
            report.runs += 1
            report.running += ledger.states[key][0] == "running"
            self._project(key, lambda key=key: ledger.run(key), ledger.fingerprint(key), report)  # type: ignore[misc]
        return report, digest

    def _project(self, identity: str, make: Callable[[], MlflowRun], fingerprint: str, report: Report) -> None:
        shown = self.shown.get(identity)
        if shown is not None and shown.fingerprint == fingerprint:
            return
        try:
            record = make()
        except Exception as error:  # one broken run must not keep the others from being shown
            report.problems.append(f"{identity}: {reason(error)}")
            return
        try:
            report.points += self._write(record, fingerprint)
            report.written += 1
        except BenchError as error:
            report.problems.append(f"{identity}: {error}")
        except Exception as error:
            self.shown.pop(identity, None)
            if (of_address := meaning(error, self.uri)) is not None:
                raise of_address from error
            report.problems.append(f"{identity}: {reason(error)}")
            self._reread(identity)

    def _write(self, record: MlflowRun, fingerprint: str) -> int:
        """Write what is new in one record; returns how many metric values that were."""
        from mlflow.entities import Metric

        shown = self.shown.get(record.identity)
        if shown is None:
            shown = self.shown[record.identity] = self._create(record)
        if not shown.has_history:
            read_history(self.client, shown)
        self._set_up(record, shown)
        if record.data is not None and not shown.has_data:
            self._name_data(record.data, shown)

        losses = [point for point in record.training if point.step > shown.last_step]
        scores = [point for point in record.scores if any(_is_news(shown, point, name) for name in point.values)]
        for batch in _batches([*losses, *scores]):
            metrics = [
                Metric(name, value, round(point.time * 1000), point.step)
                for point in batch
                for name, value in point.values.items()
            ]
            self.client.log_batch(shown.run_id, metrics=metrics)
            for point in batch:
                if point in scores:
                    shown.scores |= {(name, point.step): value for name, value in point.values.items()}
                else:
                    shown.last_step = max(shown.last_step, point.step)

        self._attach(record, shown)
        if shown.status != record.status or (record.ended is not None and fingerprint != shown.fingerprint):
            if record.ended is None:
                self.client.update_run(shown.run_id, status=record.status)
            else:
                self.client.set_terminated(shown.run_id, record.status, round(record.ended * 1000))
            shown.status = record.status
        shown.fingerprint = fingerprint
        if record.status != "RUNNING":  # the next process need not look at it again
            self.client.set_tag(shown.run_id, DONE_TAG, fingerprint)
        return sum(len(point.values) for point in [*losses, *scores])

    def _create(self, record: MlflowRun) -> InMlflow:
        tags = {
            HOME_TAG: self.identity,
            IDENTITY_TAG: record.identity,
            "mlflow.source.name": "contrastbench",
            "mlflow.source.type": "LOCAL",
        }
        if record.parent is not None and record.parent in self.shown:
            tags["mlflow.parentRunId"] = self.shown[record.parent].run_id
        run = self.client.create_run(
            self._experiment(record.experiment), round(record.started * 1000), tags=tags, run_name=record.name
        )
        return InMlflow(run.info.run_id, run.info.status, dict(run.data.tags), {}, has_history=True)

    def _experiment(self, name: str) -> str:
        if name not in self.experiments:
            self.experiments[name] = experiment_id(self.client, self.home, self.uri, name)
        return self.experiments[name]

    def _set_up(self, record: MlflowRun, shown: InMlflow) -> None:
        """Parameters that are missing, tags that changed, tags that ceased to hold."""
        from mlflow.entities import Param, RunTag

        expected = {name: _cut(value, TAG_LENGTH) for name, value in record.tags.items() if value}
        if record.parent is not None and record.parent in self.shown:
            expected["mlflow.parentRunId"] = self.shown[record.parent].run_id
        if shown.tags.get("mlflow.runName") != record.name:
            self.client.update_run(shown.run_id, name=record.name)
            shown.tags["mlflow.runName"] = record.name
        tags = [RunTag(name, value) for name, value in expected.items() if shown.tags.get(name) != value]
        params = [
            Param(name, _cut(value, PARAM_LENGTH)) for name, value in record.params.items() if name not in shown.params
        ]
        for i in range(0, len(params), BATCH_PARAMS):
            self.client.log_batch(shown.run_id, params=params[i : i + BATCH_PARAMS])
        if tags:
            self.client.log_batch(shown.run_id, tags=tags)
        for name in [name for name, value in record.tags.items() if not value and name in shown.tags]:
            self.client.delete_tag(shown.run_id, name)
            del shown.tags[name]
        shown.tags |= expected
        shown.params |= {param.key: param.value for param in params}

    def _name_data(self, data: DataName, shown: InMlflow) -> None:
        from mlflow.entities import Dataset, DatasetInput

        dataset = Dataset(data.name, data.digest, source_type="contrastbench", source=data.config)
        self.client.log_inputs(shown.run_id, datasets=[DatasetInput(dataset)])
        shown.has_data = True

    def _attach(self, record: MlflowRun, shown: InMlflow) -> None:
        """Files that are new or changed, without those that are gone, and the sample grid of a finished run."""
        before = dict(shown.files)
        self._detach(sorted(shown.files.keys() - record.files.keys() - {SHEET}), shown)
        for name, path in record.files.items():
            try:
                digest = _digest(path.read_bytes())
            except OSError as error:
                raise BenchError(f"{path}: cannot be read: {error.strerror}") from error
            if shown.files.get(name) != digest:
                self.client.log_artifact(shown.run_id, str(path))
                shown.files[name] = digest
        if record.samples is not None:
            folder, spec = record.samples
            drawn_from = f"epoch {spec.total_epochs}, {folder.samples('test', spec.total_epochs).stat().st_mtime_ns}"
            if shown.files.get(SHEET) != drawn_from:
                from bench.tracking.sheet import sample_sheet  # imports torch, for which only this waits

                label = record.name.split(", ")[0]
                sheet = sample_sheet(self.home, folder, spec, label)
                if sheet is not None:
                    with scratch_folder(self.home.root / "samples") as scratch:
                        path = scratch / SHEET
                        sheet.save(path)
                        self.client.log_artifact(shown.run_id, str(path))
                shown.files[SHEET] = drawn_from
        if shown.files != before:
            self.client.set_tag(shown.run_id, FILES_TAG, json.dumps(shown.files))

    def _detach(self, names: list[str], shown: InMlflow) -> None:
        """Files that are gone: why a run failed that was finished later."""
        if not names:
            return
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        place = get_artifact_repository(self.client.get_run(shown.run_id).info.artifact_uri, tracking_uri=self.uri)
        for name in names:
            with suppress(NotImplementedError):  # a store that keeps everything
                place.delete_artifacts(name)
            del shown.files[name]

    def _ask(self, client: Any) -> dict[str, InMlflow]:
        """What MLflow has of this results root."""
        try:
            return read_shown(client, own_experiments(client, self.home, self.uri), self.identity)
        except BenchError:
            raise
        except Exception as error:
            raise meaning(error, self.uri) or TrackingDown(reason(error)) from error

    def _reread(self, identity: str) -> None:
        in_mlflow = self._ask(self.client)
        if identity in in_mlflow:
            self.shown[identity] = in_mlflow[identity]


def _is_news(shown: InMlflow, point: Point, name: str) -> bool:
    return shown.scores.get((name, point.step)) != point.values[name]


def _batches(points: list[Point]) -> Iterable[list[Point]]:
    """Whole points, so that a step is written entirely or not at all."""
    batch: list[Point] = []
    count = 0
    for point in points:
        if batch and count + len(point.values) > BATCH_METRICS:
            yield batch
            batch, count = [], 0
        batch.append(point)
        count += len(point.values)
    if batch:
        yield batch


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def _cut(value: str, length: int) -> str:
    return value if len(value) <= length else value[: length - 3] + "..."
