"""The MLflow side: settings, the database (made once, under a lock), experiments, and what its errors mean."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shlex
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.base.errors import BenchError, UsageError
from bench.base.home import Home
from bench.base.storage import write_text
from bench.base.words import shown_path
from bench.plugin.discovery import find_plugin
from bench.schema.protocol import load_protocol

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


# MLflow's stores; plugins may add others, and its store of plain files is gone
SCHEMES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "databricks")
PROTOCOL_TAG = "mlflow.contrastbench.protocol"  # of an experiment
VIEW = "contrastbench"


class TrackingDown(BenchError):
    """MLflow cannot be reached now; nothing is lost, a later `sync` projects it."""


def tracking_uri(home: Home, uri: str | None) -> str:
    """The address of the MLflow side: what the user gave, else a SQLite database in the results root.

    Raises:
        UsageError: MLflow cannot have an address of this kind; better now than when hours of training are under way.
    """
    if uri is None:
        return f"sqlite:///{home.mlflow_database}"
    scheme = uri.partition("://")[0].partition("+")[0] if "://" in uri else ""
    if scheme not in SCHEMES and scheme not in {plugin.name for plugin in entry_points(group="mlflow.tracking_store")}:
        raise bad_address(uri)
    return uri


def bad_address(uri: str) -> UsageError:
    """The error for an address of a kind that MLflow does not have."""
    return UsageError(f"--tracking-uri {shown(uri)}: write sqlite:///FILE, postgresql://... or http://HOST:PORT")


def is_server(uri: str) -> bool:
    """Whether the address is a tracking server's, which has pages and artifact storage of its own."""
    return uri.startswith(("http://", "https://"))


def shown(uri: str) -> str:
    """The address without a password in it."""
    scheme, separator, rest = uri.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def how_to_browse(home: Home, uri: str) -> str:
    """What a person types, or opens, to look at the runs."""
    if is_server(uri):
        return shown(uri)
    option = "" if uri == tracking_uri(home, None) else f" --tracking-uri {shown(uri)}"
    return f"contrastbench ui --home {shlex.quote(shown_path(home.root))}{option}"


def lock_path(home: Home, uri: str) -> Path:
    """Held while somebody writes to this address."""
    return home.root / f".mlflow-{hashlib.sha256(uri.encode()).hexdigest()[:8]}.lock"


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
        TrackingDown: it does not answer.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        is_fresh = uri == f"sqlite:///{home.mlflow_database}" and not home.mlflow_database.exists()
        client = MlflowClient(tracking_uri=uri)
        client.search_experiments(max_results=1)  # the first query creates the tables
        if is_fresh:
            client.delete_experiment("0")  # MLflow's own `Default`, which would stay empty
    except MlflowException as error:
        if "out-of-date database schema" in str(error):
            raise UsageError(
                f"{shown(uri)} was made by another version of MLflow; remove the database and run `contrastbench sync`, "
                "which makes it anew from the run folders (or: mlflow db upgrade)"
            ) from error
        if "not registered" in str(error) or "scheme" in str(error).lower():
            raise bad_address(uri) from error
        raise TrackingDown(reason(error)) from error
    except Exception as error:
        raise TrackingDown(reason(error)) from error
    return client


def reason(error: BaseException) -> str:
    """The innermost cause of an MLflow error in one line."""
    inner = error
    while (cause := inner.__cause__ or inner.__context__) is not None:
        inner = cause
    line = next(iter(str(inner).strip().splitlines()), "") or type(inner).__name__
    return line if len(line) <= 160 else line[:157] + "..."


def is_unreachable(error: BaseException) -> bool:
    """Whether an error comes from the network or the disk, so that trying the next run is of no use."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):  # requests' errors are OSErrors
            return True
        cause = cause.__cause__ or cause.__context__
    return "OperationalError" in str(error)


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
        UsageError: their files lie elsewhere: the results root was moved after its database was made.
    """
    experiments = list(pages(client.search_experiments, filter_string=f"tags.`{PROTOCOL_TAG}` LIKE '%'"))
    for experiment in experiments:
        if uri == tracking_uri(home, None) and not experiment.artifact_location.startswith(home.root.as_uri() + "/"):
            raise UsageError(
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
