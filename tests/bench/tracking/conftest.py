"""Toy runs with an MLflow database, and a headless Chromium (through chromedriver's own protocol: JSON over HTTP)."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bench.cell import Cell
from bench.grid import Grid
from bench.home import Home
from bench.resolve import resolve
from bench.run import ProgressFile, execute
from bench.tracking.projector import Projector, Report
from bench.tracking.shown import IDENTITY_TAG
from bench.tracking.store import tracking_uri
from bench.train import Stopped

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1500,1000",
]
# whatever a page asks of any other machine fails at once
OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Browser:
    """One window."""

    def __init__(self, driver: str, profile: Path) -> None:
        self.driver = driver
        options = {"binary": shutil.which("chromium"), "args": [*FLAGS, OFFLINE, f"--user-data-dir={profile}"]}
        capabilities = {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": {"performance": "ALL"}}}
        self.session = self._call("POST", "/session", {"capabilities": capabilities})["sessionId"]

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if method in ("GET", "DELETE") else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.driver + path, data, {"Content-Type": "application/json"}, method=method)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"].splitlines()[0]) from None

    def open(self, address: str) -> None:
        self._call("POST", f"/session/{self.session}/url", {"url": address})

    def run(self, script: str, *arguments: object) -> Any:
        return self._call("POST", f"/session/{self.session}/execute/sync", {"script": script, "args": list(arguments)})

    def text(self) -> str:
        return str(self.run("return document.body.innerText"))

    def wait_for(self, script: str, *arguments: object, seconds: float = 60) -> Any:
        """The first truthy value of a script; fails with the page's text."""
        deadline = time.monotonic() + seconds
        while not (value := self.run(script, *arguments)):
            assert time.monotonic() < deadline, f"{script} {arguments}: the page says\n{self.text()}"
            time.sleep(0.3)
        return value

    def wait_for_text(self, *texts: str, seconds: float = 60) -> None:
        for text in texts:
            self.wait_for("return document.body.innerText.includes(arguments[0])", text, seconds=seconds)

    def requested(self) -> list[str]:
        """Every address that the pages asked for since the last call."""
        log = self._call("POST", f"/session/{self.session}/se/log", {"type": "performance"})
        events = [json.loads(entry["message"])["message"] for entry in log]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._call("GET", f"/session/{self.session}/screenshot")))

    def close(self) -> None:
        self._call("DELETE", f"/session/{self.session}")


@pytest.fixture
def free_port() -> Callable[[], int]:
    return unused_port


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (Debian: apt-get install chromium chromium-driver)")
    port = unused_port()
    driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{address}/status", timeout=5):
                    break
            except OSError:
                assert time.monotonic() < deadline, "chromedriver does not answer"
                time.sleep(0.2)
        window = Browser(address, tmp_path / "chromium")
        try:
            yield window
        finally:
            window.close()
    finally:
        driver.terminate()
        driver.wait()


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
            for name in row.keys() - {"step", "epoch"}:
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
