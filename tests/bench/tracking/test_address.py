"""Addresses with anything in them, and what is wrong with one for good."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bench.base.errors import UsageError
from bench.base.home import Home
from bench.tracking.address import (
    TrackingDown,
    TrackingUnusable,
    check_usable,
    database_path,
    how_to_catch_up,
    shown,
    tracking_uri,
)

NAMES = ["what now?", "my%20runs", "a#b", 'it\'s "quoted"', "Zürich", "two\nlines", "plain", "a&b;c", "[x]"]


@pytest.mark.parametrize("name", NAMES)
def test_the_database_of_a_home_of_any_name_is_inside_it(tmp_path, name):
    sqlalchemy = pytest.importorskip("sqlalchemy")
    home = Home.open(tmp_path / name, tmp_path)
    uri = tracking_uri(home, None)
    assert database_path(uri) == home.mlflow_database
    assert sqlalchemy.make_url(uri).database == str(home.mlflow_database)
    assert not sqlalchemy.make_url(uri).query
    # what MLflow makes as a folder before it opens the database
    assert Path(uri.removeprefix("sqlite:///")).parent in (home.root, Path())
    assert "\n" not in shown(uri) + how_to_catch_up(home, uri)
    assert tracking_uri(home, uri) == uri


@pytest.mark.parametrize(
    "given", ["http://", "http://host:99999", "http://host:x", "sqlite:x", "sqlite://x", "sqlite:///"]
)
def test_malformed_addresses_are_refused_before_anything_runs(toys, given):
    with pytest.raises(UsageError, match=r"--tracking-uri .*: write sqlite:///FILE"):
        tracking_uri(toys.home, given)


def test_an_address_left_over_in_the_shell_is_told_as_that(toys, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "file:///mlruns")
    with pytest.raises(
        UsageError, match=r"^MLFLOW_TRACKING_URI=file:///mlruns \(a variable of this shell\).*unset MLFLOW"
    ):
        tracking_uri(toys.home, "file:///mlruns")


def check(home):
    check_usable(home, tracking_uri(home, None))


def test_what_is_wrong_for_good_is_told_with_the_way_out(toys):
    check(toys.home)
    database = toys.home.mlflow_database
    database.write_bytes(bytes(range(1, 256)) * 20)
    with pytest.raises(TrackingUnusable, match=r"mlflow\.db: is damaged or no database .*remove it and run `"):
        check(toys.home)
    database.unlink()
    with closing(sqlite3.connect(database)) as made:
        made.execute("CREATE TABLE alembic_version (version_num TEXT)")
        made.execute("INSERT INTO alembic_version VALUES ('ffffffffffff')")
        made.commit()
    with pytest.raises(TrackingUnusable, match=r"made by a newer MLflow \(schema ffffffffffff\); use that version, or"):
        check(toys.home)
    database.unlink()
    database.mkdir()
    with pytest.raises(TrackingUnusable, match="is no file"):
        check(toys.home)


def test_a_place_that_cannot_be_written_is_told_as_that(toys, monkeypatch):
    monkeypatch.setattr("bench.tracking.address.os.access", lambda *_: False)
    with pytest.raises(TrackingUnusable, match="cannot be written"):
        check(toys.home)


def test_a_locked_database_and_one_that_refuses_are_passing(toys, monkeypatch, free_port):
    monkeypatch.setattr("bench.tracking.address.PATIENCE", 0.1)
    with closing(sqlite3.connect(toys.home.mlflow_database, isolation_level=None)) as other:
        other.execute("CREATE TABLE a (b)")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(TrackingDown, match="locked by another program"):
            check(toys.home)
    with pytest.raises(TrackingDown, match="refused"):
        check_usable(toys.home, f"postgresql://127.0.0.1:{free_port()}/x")
