"""The MLflow side: settings, the database (made once, under a lock), experiments, and what its errors mean."""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.base.errors import BenchError
from bench.base.home import Home
from bench.base.storage import write_text
from bench.plugin.discovery import find_plugin
from bench.schema.protocol import load_protocol
from bench.tracking.address import (
    TrackingDown,
    TrackingUnusable,
    bad_address,
    check_usable,
    database_error,
    database_path,
    is_own,
    is_server,
    shown,
    unwritable,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

# set before mlflow is imported: no telemetry, no minutes of waiting for a server that is down, no progress bars
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_ENABLE_ASSISTANT_SANDBOX": "false",  # looks for a docker daemon
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "PYTHONSAFEPATH": "1",  # a user's folder named `bench` or `mlflow` in the working directory is not imported
}


PROTOCOL_TAG = "mlflow.contrastbench.protocol"  # of an experiment
VIEW = "contrastbench"
_REFUSED = re.compile(r"failed with error code (401|403|404|405)\b")


def home_identity(home: Home) -> str:
    """A name for this results root that stays when it is moved, so that several can share one server."""
    path = home.root / ".mlflow-home"
    if not path.exists():
        write_text(path, uuid.uuid4().hex + "\n")
    return path.read_text().strip()


def open_client(home: Home, uri: str) -> MlflowClient:
    """Open the MLflow side, making a fresh SQLite database's tables; call it under the lock.

    Raises:
        UsageError: the address is of a kind that MLflow does not have.
        TrackingUnusable: it cannot be used, however often it is asked.
        TrackingDown: it does not answer.
    """
    check_usable(home, uri)  # mlflow itself would try for minutes
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        is_fresh = is_own(home, uri) and not home.mlflow_database.exists()
        client = MlflowClient(tracking_uri=uri)
        client.search_experiments(max_results=1)  # the first query creates the tables
        if is_fresh:
            client.delete_experiment("0")  # MLflow's own `Default`, which would stay empty
    except Exception as error:
        if "out-of-date database schema" in str(error):
            raise TrackingUnusable(
                f"{shown(uri)} was made by another version of MLflow; remove the database and run `contrastbench sync`, "
                "which makes it anew from the run folders (or: mlflow db upgrade)"
            ) from error
        if "not registered" in str(error) or "scheme" in str(error).lower():
            raise bad_address(uri) from error
        raise meaning(error, uri) or TrackingDown(reason(error)) from error
    return client


def reason(error: BaseException) -> str:
    """The innermost cause of an MLflow error in one line."""
    line = next(iter(str(_causes(error)[-1]).strip().splitlines()), "") or type(_causes(error)[-1]).__name__
    return line if len(line) <= 160 else line[:157] + "..."


def meaning(error: BaseException, uri: str) -> BenchError | None:
    """What an error of MLflow says of its address.

    Returns:
        TrackingUnusable or UsageError if asking again is of no use, TrackingDown if it is; None if the error is about what
        was written and not about the address, so that the next run may be tried.
    """
    causes = _causes(error)
    for cause in causes:
        if type(cause) in (sqlite3.DatabaseError, sqlite3.OperationalError):
            return database_error(str(cause), database_path(uri))
        if type(cause).__name__ in (
            "InvalidURL",
            "InvalidSchema",
            "MissingSchema",
            "LocationParseError",
            "ArgumentError",
        ):
            return bad_address(uri)
        if isinstance(cause, ModuleNotFoundError):
            return TrackingUnusable(f"{shown(uri)} needs the Python package {cause.name}: pip install {cause.name}")
        if isinstance(cause, OSError) and cause.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return unwritable(Path(os.fsdecode(cause.filename or "MLflow's files")))
    if (refused := _REFUSED.search(str(error))) is not None:
        return TrackingUnusable(
            f"{shown(uri)} answers with status {refused[1]}: it is no MLflow server, or asks for a password; give its "
            "address with --tracking-uri"
        )
    if any(isinstance(cause, OSError) for cause in causes) or "OperationalError" in str(
        error
    ):  # requests' are OSErrors
        return TrackingDown(reason(error))
    return None


def _causes(error: BaseException) -> list[BaseException]:
    """An error and what it came from, the innermost last."""
    causes, cause = [], error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__  # type: ignore[assignment]
    return causes


def experiment_id(client: Any, home: Home, uri: str, name: str) -> str:
    """The experiment of that name, made if needed."""
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        # without an absolute place MLflow would use ./mlruns of whoever writes first; a server has its own place
        location = None if is_server(uri) else (home.mlflow_artifacts / name).as_uri()
        tags = {PROTOCOL_TAG: name, "mlflow.experimentKind": "custom_model_development"}
        identity = str(client.create_experiment(name, artifact_location=location, tags=tags))
        for tag, value in view_tags(name, identity).items():
            client.set_experiment_tag(identity, tag, value)
        return identity
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return str(experiment.experiment_id)


def own_experiments(client: Any, home: Home, uri: str) -> list[str]:
    """The ids of all experiments that were made here.

    Raises:
        TrackingUnusable: their files lie elsewhere: the results root was moved after its database was made.
    """
    experiments = list(pages(client.search_experiments, filter_string=f"tags.`{PROTOCOL_TAG}` LIKE '%'"))
    for experiment in experiments:
        if is_own(home, uri) and not experiment.artifact_location.startswith(home.root.as_uri() + "/"):
            raise TrackingUnusable(
                f"{home.mlflow_database} was made when the results were elsewhere ({experiment.artifact_location}); remove "
                f"it and {home.mlflow_artifacts} and run `contrastbench sync`, which makes both anew from the run folders"
            )
    return [str(experiment.experiment_id) for experiment in experiments]


def pages(search: Callable[..., Any], **arguments: Any) -> Iterator[Any]:
    """Everything a paged search of MLflow finds."""
    page = search(**arguments)
    yield from page
    while page.token:
        page = search(**arguments, page_token=page.token)
        yield from page


def view_link(identity: str) -> str:
    """Where the pages of MLflow show an experiment's runs as `view_tags` says; the bare address opens traces of chatbots."""
    return f"#/experiments/{identity}/runs?workflowType=machine_learning&viewStateShareKey={VIEW}"


def view_tags(name: str, identity: str) -> dict[str, str]:
    """An experiment's description, and a view of its runs that can be linked to.

    MLflow's own list folds a table's runs away under it and shows no score; this view lists them by name with the
    scores of their last checkpoint. MLflow keeps such a view in a tag, as its button `share` does.
    """
    title, about, metrics = f"Protocol {name}", "", []
    with suppress(BenchError):  # a protocol file of the user's own is not found by its name
        protocol = load_protocol(name)
        metrics = [find_plugin("metric", use.metric).name for use in protocol.metrics]
        title = protocol.title
        about = f" Metrics: {', '.join(metrics)}; the checkpoint that counts: {protocol.counts}."
    columns = [f"tags.`{tag}`" for tag in ("state", "comparability")]
    view = {
        "searchFilter": "params.seed LIKE '%'",  # tables and comparisons have no curves
        "orderByKey": "tags.`mlflow.runName`",
        "orderByAsc": True,
        "selectedColumns": [*(f"metrics.`eval/{metric}`" for metric in metrics), *columns],
    }
    unfold = "the + beside a table or comparison unfolds its runs"
    note = f"{title}. [Every run by name, with its scores]({view_link(identity)}); {unfold}.{about}"
    return {"mlflow.note.content": note, f"mlflow.sharedViewState.{VIEW}": json.dumps(view)}
