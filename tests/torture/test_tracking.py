"""Addresses of MLflow, databases that are none, and what was noted of earlier passes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hypothesis import strategies as st
from trials import REFUSED, STRANGE, Reader, Trials, as_json, outcome

from bench.base.home import Home
from bench.tracking.address import check_usable, mark_path, sqlite_address, tracking_uri
from bench.tracking.last_pass import read_last_pass
from bench.tracking.shown import DONE_TAG, FILES_TAG, HOME_TAG, IDENTITY_TAG, read_shown
from bench.tracking.store import home_identity


def test_addresses(trials: Trials) -> None:
    home = Home.open(trials.folder, trials.folder)
    parts = st.sampled_from(
        [
            "http",
            "sqlite",
            "postgresql",
            "+x",
            "://",
            ":///",
            "/",
            "host",
            ":",
            "99999",
            "@",
            "[",
            "]",
            "%",
            "?",
            "#",
            "\n",
            "é",
            "..",
            "file",
        ]
    )
    texts = (
        st.lists(parts, max_size=6).map("".join)
        | st.text(max_size=30)
        | st.sampled_from([v for v in STRANGE if isinstance(v, str)])
    )

    def check(text: str) -> None:
        found = outcome(lambda _: tracking_uri(home, text), Path())
        trials.counts["refused" if found is REFUSED else "taken"] += 1

    trials.try_all(texts, check)


def test_databases(trials: Trials) -> None:
    home = Home.open(trials.folder / "home", trials.folder)
    with closing(sqlite3.connect(home.mlflow_database)) as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        database.execute("INSERT INTO alembic_version VALUES ('nothing')")
        database.execute("DELETE FROM alembic_version")
        database.commit()
    whole = home.mlflow_database.read_bytes()
    uri = sqlite_address(home.mlflow_database)

    def read(path: Path) -> None:
        check_usable(home, uri)

    trials.withstands(Reader(read, whole, "home/mlflow.db", gives=False, inputs=0.5))


def test_passes(trials: Trials) -> None:
    home = Home.open(trials.folder, trials.folder)
    path = mark_path(home, "sqlite:///x", "pass")
    content = {
        "writer": "1",
        "answers": 3,
        "ledger": "a",
        "database": "b",
        "problems": [],
        "failure": "",
        "is_permanent": False,
    }
    trials.withstands(
        Reader(lambda _: read_last_pass(home, "sqlite:///x"), as_json(content), path.name, lambda found, good: True)
    )


def test_names_of_homes_in_mlflow(trials: Trials) -> None:
    """Whatever a received home's file holds, it names one home, and no filter of MLflow's is written by it."""
    home = Home.open(trials.folder, trials.folder)

    def read(path: Path) -> str:
        found = home_identity(home)
        assert len(found) == 32
        assert found.isalnum()
        return found

    trials.withstands(Reader(read, b"0123456789abcdef0123456789abcdef\n", ".mlflow-home", lambda found, good: True))


def test_tags(trials: Trials) -> None:
    """Of a database that somebody else may have written to."""
    texts = st.sampled_from(["", "{", "[]", "{}", '{"a": "b"}', '{"a": 1}', "null", "NaN", "[" * 5000, "\ud800", "x"])
    names = st.sampled_from([HOME_TAG, IDENTITY_TAG, FILES_TAG, DONE_TAG, "mlflow.runName"])

    def check(tags: dict[str, str]) -> None:
        run = SimpleNamespace(
            data=SimpleNamespace(tags=tags, params={}), info=SimpleNamespace(run_id="1", status="FINISHED"), inputs=None
        )

        class Page(list[Any]):
            token = None

        client = SimpleNamespace(search_runs=lambda **asked: Page([run]))
        found = outcome(lambda _: read_shown(client, ["1"], "home"), Path())
        assert found is not REFUSED
        assert all(isinstance(value, str) for one in found.values() for value in one.files.values())
        trials.counts["taken"] += 1

    trials.try_all(st.dictionaries(names, texts), check, 0.3)
