"""Toy runs with an MLflow database."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bench.base.home import Home
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run.execute import execute
from bench.run.process import ProgressFile
from bench.run.train import Stopped
from bench.schema.cell import Cell
from bench.tracking.address import tracking_uri
from bench.tracking.projector import Projector, Report
from bench.tracking.shown import IDENTITY_TAG


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with MLflow's tables, which take seconds to make: tests copy it."""
    from bench.tracking.store import open_client

    home = Home.open(tmp_path_factory.mktemp("empty"), Path("datasets"))
    open_client(home, tracking_uri(home, None))
    return home.mlflow_database


class Board:
    """A results root of toy runs and its MLflow database."""

    def __init__(self, toys: Any) -> None:
        self.toys, self.home = toys, toys.home
        self.uri = tracking_uri(self.home, None)

    def plan(self, seed: int = 0, **settings: object) -> str:
        grid = Grid(self.home)
        key = grid.add_run(resolve(self.toys.method, self.toys.protocol, "smoke", settings=settings), seed)
        grid.write_specs()
        return key

    def train(self, seed: int = 0, stop_after: int | None = None, **settings: object) -> str:
        """Train a run, or go on with it, in this process."""
        key = self.plan(seed, **settings)
        progress = ProgressFile(self.home.run(key))
        calls = iter(range(10**6))
        progress.should_stop = lambda: stop_after is not None and next(calls) + 1 >= stop_after  # type: ignore[method-assign]
        with suppress(Stopped):
            execute(self.home, key, progress)
        return key

    def project(self) -> Report:
        """As a process that knows nothing yet does."""
        return Projector(self.home, self.uri).project()

    @property
    def client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=self.uri)

    def on(self, uri: str) -> Board:
        """The same results root, shown elsewhere."""
        other = Board(self.toys)
        other.uri = uri
        return other

    def find(self, identity: str) -> Any | None:
        experiments = [experiment.experiment_id for experiment in self.client.search_experiments()]
        found = self.client.search_runs(experiments, f"tags.`{IDENTITY_TAG}` = '{identity}'") if experiments else []
        assert len(found) <= 1
        return found[0] if found else None

    def mlflow_run(self, identity: str) -> Any:
        run = self.find(identity)
        assert run is not None
        return run

    def history(self, key: str) -> dict[str, list[tuple[int, float]]]:
        """Every value that MLflow has of a run, duplicates included."""
        run = self.mlflow_run(key)
        return {
            name: sorted((m.step, m.value) for m in self.client.get_metric_history(run.info.run_id, name))
            for name in run.data.metrics
        }

    def losses(self, key: str) -> dict[str, list[tuple[int, float]]]:
        """What `metrics.jsonl` says MLflow should have, read independently of the projector."""
        found: dict[str, list[tuple[int, float]]] = {}
        for line in self.home.run(key).metrics.read_text().splitlines():
            row = json.loads(line)
            for name in row.keys() - {"step", "epoch", "chain"}:
                found.setdefault(f"train/{name}", []).append((row["step"], row[name]))
        return found

    def assert_complete(self, key: str) -> None:
        history = self.history(key)
        assert {name: points for name, points in history.items() if name.startswith("train/")} == self.losses(key)


@pytest.fixture
def fresh_board(toys: Any) -> Board:
    """Without a database."""
    return Board(toys)


@pytest.fixture
def cell() -> Callable[..., Cell]:
    return table_cell


@pytest.fixture
def write_table() -> Callable[[Home, list[Cell]], None]:
    return write_cells


def table_cell(row: str, keys: dict[int, str], **changes: object) -> Cell:
    values = {
        "paper": "toys",
        "table": "toys/main",
        "row": row,
        "column": "Toys FID",
        "method": "toy",
        "protocol": "horse2zebra@1",
        "ran_as": "toys@1",
        "scale": "smoke",
        "metric": "FID",
        "scored_as": "MeanColour",
        "higher_is_better": False,
        "published": 1.0,
        "state": "done",
        "train_keys": keys,
    }
    return Cell.model_validate(values | changes)


def write_cells(home: Home, cells: list[Cell]) -> None:
    folder = home.table("toys/main", "smoke")
    folder.mkdir(parents=True, exist_ok=True)
    content = {"table": "toys/main@1", "cells": [entry.model_dump(mode="json") for entry in cells]}
    (folder / "cells.json").write_text(json.dumps(content))
    (folder / "table.md").write_text("# Toys in a table")
    (folder / "samples-toys.png").write_bytes(b"PNG")


@pytest.fixture
def board(toys: Any, empty_database: Path) -> Board:
    shutil.copy(empty_database, toys.home.mlflow_database)
    return Board(toys)
