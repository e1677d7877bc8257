"""All that a home holds, without clock times and without who made it when: two commands' homes compare equal."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

# what says when, how long, in how many parts and by which process, and what is a digest of that
CLOCKS = {
    "time",
    "seconds",
    "train_seconds",
    "started",
    "updated",
    "submitted",
    "seconds_per_step",
    "parts",
    "progress",
}
CLOCKS |= {"seal", "source", "pid", "job"}  # the source of a figure: a digest of scores' files
# how often a pass was asked for, and by whom: nobody asks where a killed command's follower has shown all of it
OF_FOLLOWERS = re.compile(r"\.mlflow-[0-9a-f]+\.(asked|commands|follower\.lock)")
# notes of processes, whose presence is all that is compared
NOTES = re.compile(r"log\.txt|mlflow\.(log|db)|progress\.json|\.mlflow-.*|local\.json|\..*lock")
# of tags: of the home itself, of files with clock times
OF_THE_HOME = ("mlflow.contrastbench.home", "mlflow.contrastbench.fingerprint", "mlflow.contrastbench.files")
ABOUT_TIME = re.compile(rb"\d{4}-\d\d-\d\d( |T)\d\d:\d\d(:\d\d)?|\b[0-9.]+ (s|min|h)\b( [0-9]+ s)?")


def content(home: Path) -> dict[str, Any]:
    """What every file of a home says: its path -> its content, or a digest of it; of MLflow, what it shows."""
    artifacts = home / "mlflow-artifacts"
    files = [path for path in home.rglob("*") if path.is_file() and not path.is_relative_to(artifacts)]
    files = [path for path in files if not OF_FOLLOWERS.fullmatch(path.name)]
    found = {str(path.relative_to(home)): "" if NOTES.fullmatch(path.name) else said(path) for path in files}
    return dict(sorted((found | mlflow_content(home)).items()))


def said(path: Path) -> Any:
    """One file's content."""
    if path.suffix == ".json":
        try:
            return timeless(json.loads(path.read_text(encoding="utf-8")))
        except ValueError:
            return f"damaged: {path.read_bytes()[:80]!r}"
    text = path.read_bytes()
    if path.suffix == ".html":
        text = ABOUT_TIME.sub(b"", text)
    return hashlib.sha256(text).hexdigest()


def timeless(value: Any) -> Any:
    """JSON without what depends on the clock."""
    if isinstance(value, dict):
        return {name: timeless(item) for name, item in value.items() if name not in CLOCKS}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def mlflow_content(home: Path) -> dict[str, Any]:
    """What MLflow shows, run by run under the names that the ledger gives; empty where there is no database."""
    database = home / "mlflow.db"
    if not database.exists():
        return {}
    found: dict[str, Any] = {}
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        experiments: dict[int, str] = {}
        for number, name, stage in db.execute("SELECT experiment_id, name, lifecycle_stage FROM experiments"):
            experiments[number] = name
            tags = dict(db.execute("SELECT key, value FROM experiment_tags WHERE experiment_id = ?", (number,)))
            _add(found, f"mlflow {name}", {"stage": stage, "tags": {k: _plain(v) for k, v in tags.items()}})
        names = dict(db.execute("SELECT run_uuid, value FROM tags WHERE key = 'mlflow.contrastbench.id'"))
        rows = db.execute(
            "SELECT run_uuid, name, status, lifecycle_stage, experiment_id, end_time FROM runs"
        ).fetchall()
        for run, name, status, stage, number, ended in rows:
            tags = dict(db.execute("SELECT key, value FROM tags WHERE run_uuid = ?", (run,)))
            parent = tags.pop("mlflow.parentRunId", "")
            points = sorted(db.execute("SELECT key, step, value FROM metrics WHERE run_uuid = ?", (run,)))
            latest = sorted(db.execute("SELECT key, step, value FROM latest_metrics WHERE run_uuid = ?", (run,)))
            inputs = (
                "SELECT name, digest FROM inputs JOIN datasets ON source_id = dataset_uuid WHERE destination_id = ?"
            )
            _add(found, f"mlflow {experiments[number]} {names.get(run, run)}", {
                "name": name,
                "status": status,
                "stage": stage,
                "has ended": ended is not None,
                "parent": names.get(parent, parent),
                "params": dict(db.execute("SELECT key, value FROM params WHERE run_uuid = ?", (run,))),
                "tags": {key: value for key, value in tags.items() if key not in OF_THE_HOME},
                "metrics": points,
                "latest": latest,
                "data": sorted(db.execute(inputs, (run,))),
                "attached": sorted(json.loads(tags.get("mlflow.contrastbench.files", "{}"))),
            })  # fmt: skip
    for path in (home / "mlflow-artifacts").rglob("*"):
        if path.is_file():
            experiment, run, *rest = path.relative_to(home / "mlflow-artifacts").parts
            _add(found, " ".join(["mlflow", experiment, names.get(run, run), "/".join(rest)]), said(path))
    return found


def differences(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """A line for each file or run that is missing, too many, or another one."""
    lines = [f"{name}: is missing" for name in expected.keys() - found.keys()]
    lines += [f"{name}: is left over" for name in found.keys() - expected.keys()]
    for name in expected.keys() & found.keys():
        lines += [f"{name}: {line}" for line in _differing(expected[name], found[name])]
    return sorted(lines)


def _differing(expected: Any, found: Any, place: str = "") -> list[str]:
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = sorted(expected.keys() | found.keys())
        return [
            line for key in keys for line in _differing(expected.get(key), found.get(key), f"{place}.{key}".strip("."))
        ]
    return [] if expected == found else [f"{place}: {found!r} instead of {expected!r}"]


def _add(found: dict[str, Any], name: str, value: Any) -> None:
    while name in found:  # whatever is there twice is seen
        name = f"{name} again"
    found[name] = value


def _plain(tag: str) -> str:
    """An experiment's tag without the experiment's number, which depends on how many were made before it."""
    return re.sub(r"#/experiments/\d+/", "#/experiments/N/", tag)
