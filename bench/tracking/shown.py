"""What MLflow has: asked of MLflow itself, so that nothing has to be remembered between processes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from bench.tracking.store import pages

# the projector's own notes in MLflow; its pages hide tags that begin with `mlflow.`
HOME_TAG, IDENTITY_TAG = "mlflow.contrastbench.home", "mlflow.contrastbench.id"
FILES_TAG, DONE_TAG = "mlflow.contrastbench.files", "mlflow.contrastbench.fingerprint"


@dataclass
class InMlflow:
    """What MLflow has of one record.

    Attributes:
        run_id, status, tags, params: as MLflow has them.
        last_step: of the losses; -1 if there are none.
        scores: (name, step) -> value.
        files: artifact path -> digest of what was attached.
        fingerprint: of the ledger's files when all of it had been written.
        has_history: whether `last_step` and `scores` have been read.
        has_data: whether the data set is named.
    """

    run_id: str
    status: str
    tags: dict[str, str]
    params: dict[str, str]
    last_step: int = -1
    scores: dict[tuple[str, int], float] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    has_history: bool = False
    has_data: bool = False


def read_shown(client: Any, experiments: list[str], home: str) -> dict[str, InMlflow]:
    """Every run of one results root that MLflow has, by identity, without histories.

    Args:
        client: an MlflowClient.
        experiments: ids of the experiments to look in.
        home: the results root's identity.
    """
    runs: dict[str, InMlflow] = {}
    if not experiments:
        return runs
    of_home = f"tags.`{HOME_TAG}` = '{home}'"
    for run in pages(client.search_runs, experiment_ids=experiments, filter_string=of_home):
        tags = dict(run.data.tags)
        if IDENTITY_TAG not in tags:  # somebody else's, or changed by hand
            continue
        runs[tags[IDENTITY_TAG]] = InMlflow(
            run.info.run_id,
            run.info.status,
            tags,
            dict(run.data.params),
            files=_files(tags.get(FILES_TAG, "{}")),
            # a running run still has the fingerprint of an earlier stop
            fingerprint=tags.get(DONE_TAG, "") if run.info.status != "RUNNING" else "",
            has_data=bool(run.inputs and run.inputs.dataset_inputs),
        )
    return runs


def _files(text: str) -> dict[str, str]:
    """The projector's note of what was attached; nothing where it is not what was written, so that all is attached again."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    is_note = isinstance(found, dict) and all(isinstance(digest, str) for digest in found.values())
    return found if is_note else {}


def read_history(client: Any, shown: InMlflow) -> None:
    """Find out which steps MLflow has of a run, so that none is written twice."""
    for name in client.get_run(shown.run_id).data.metrics:
        for metric in client.get_metric_history(shown.run_id, name):
            if name.startswith("train/"):
                shown.last_step = max(shown.last_step, metric.step)
            else:
                shown.scores[name, metric.step] = metric.value
    shown.has_history = True
