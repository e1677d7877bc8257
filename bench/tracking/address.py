"""Addresses of MLflow: how they are written, and what can be told of one before mlflow is imported or anything trains."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
import re
import socket
import sqlite3
from contextlib import closing, suppress
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from bench.base.errors import BenchError, UsageError
from bench.base.home import Home
from bench.base.streams import one_line, shell_word
from bench.base.words import typed_path

# MLflow's stores; plugins may add others, and its store of plain files is gone
SCHEMES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "databricks")
PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
VARIABLE = "MLFLOW_TRACKING_URI"
PATIENCE = 5.0  # seconds for a database to be unlocked or to take a connection
_PLAIN = re.compile(r"[\w./ +,:=~@-]*")  # needs no quoting, as SQLAlchemy and MLflow read addresses
_WAY_OUT = "remove it and run `contrastbench sync`, which makes it anew from the run folders"


class TrackingDown(BenchError):
    """MLflow cannot be reached now; nothing is lost, a later `sync` projects it."""


class TrackingUnusable(BenchError):
    """MLflow cannot be used at this address, however often it is asked; the message says the way out."""


def sqlite_address(path: Path) -> str:
    """The address of a database file, whatever its name holds.

    Where quoting is needed slashes are quoted too: MLflow makes the parent of the unread address as a folder.
    """
    text = str(path)
    return f"sqlite:///{text if _PLAIN.fullmatch(text) else quote(os.fsencode(text), safe='')}"


def database_path(uri: str) -> Path | None:
    """The file of a SQLite address; None for other addresses."""
    scheme, separator, rest = uri.partition(":///")
    if not separator or scheme.partition("+")[0] != "sqlite":
        return None
    return Path(unquote(rest.partition("?")[0])).absolute()


def tracking_uri(home: Home, uri: str | None) -> str:
    """The address of the MLflow side: what the user gave, else a SQLite database in the results root.

    Raises:
        UsageError: MLflow cannot have such an address; better now than when hours of training are under way.
    """
    if uri is None:
        return sqlite_address(home.mlflow_database)
    scheme = uri.partition("://")[0].partition("+")[0] if "://" in uri else ""
    if scheme not in SCHEMES:
        if scheme not in {plugin.name for plugin in entry_points(group="mlflow.tracking_store")}:
            raise bad_address(uri)
        return uri
    with suppress(ValueError):  # a port that is no number
        parts = urlsplit(uri)
        host_and_port = parts.hostname, parts.port
        if scheme in ("http", "https") and not host_and_port[0]:
            raise bad_address(uri)
        if scheme != "sqlite":
            return uri
        if "%" not in uri and database_path(uri) is not None and not uri.endswith("/"):
            return uri
        if (path := database_path(uri)) is not None and not uri.endswith("/"):
            return sqlite_address(path)
    raise bad_address(uri)


def bad_address(uri: str) -> UsageError:
    """The error for an address that MLflow cannot have; it names the variable of the shell where that holds it."""
    way_out = "write sqlite:///FILE, postgresql://... or http://HOST:PORT"
    if os.environ.get(VARIABLE) == uri:
        return UsageError(f"{VARIABLE}={shown(uri)} (a variable of this shell): {way_out}; or: unset {VARIABLE}")
    return UsageError(f"--tracking-uri {shown(uri)}: {way_out}")


def is_server(uri: str) -> bool:
    """Whether the address is a tracking server's, which has pages and artifact storage of its own."""
    return uri.startswith(("http://", "https://"))


def is_own(home: Home, uri: str) -> bool:
    """Whether the address is the results root's own database."""
    return uri == tracking_uri(home, None)


def shown(uri: str) -> str:
    """The address without a password in it, on one line."""
    scheme, separator, rest = uri.partition("://")
    if scheme == "sqlite" and "%" in rest:
        return one_line(f"sqlite:///{database_path(uri)}")
    return one_line(f"{scheme}{separator}{rest.rpartition('@')[2]}")


def how_to_browse(home: Home, uri: str) -> str:
    """What a person types, or opens, to look at the runs."""
    if is_server(uri):
        return shown(uri)
    return f"contrastbench ui --home {shell_word(typed_path(home.root))}{_option(home, uri)}"


def how_to_catch_up(home: Home, uri: str) -> str:
    """What a person types to show what is missing."""
    return f"contrastbench sync --home {shell_word(str(home.root))}{_option(home, uri)}"


def _option(home: Home, uri: str) -> str:
    return "" if is_own(home, uri) else f" --tracking-uri {shell_word(shown(uri))}"


def mark_path(home: Home, uri: str, kind: str) -> Path:
    """A small file in the results root that is about one address.

    Args:
        home: the results root.
        uri: MLflow's address.
        kind: `lock`, held while somebody writes there; `follower.lock`, held by the process that follows the runs, and
            `commands`, shared by the commands that it does so for; `pass`, about the last time that all was brought up to
            date; `asked`, how often that was asked for.
    """
    return home.root / f".mlflow-{hashlib.sha256(uri.encode()).hexdigest()[:8]}.{kind}"


def check_usable(home: Home, uri: str) -> None:
    """Look for what is wrong with an address for good, or just now, in at most `PATIENCE` seconds, without mlflow.

    Raises:
        TrackingUnusable: a database that is damaged, cannot be written or was made by a newer MLflow.
        TrackingDown: a locked database, or a server of databases that takes no connection.
    """
    if (path := database_path(uri)) is not None:
        _check_file(path, is_own(home, uri))
    elif (scheme := uri.partition("://")[0].partition("+")[0]) in PORTS:
        parts = urlsplit(uri)
        try:
            if parts.hostname:
                socket.create_connection((parts.hostname, parts.port or PORTS[scheme]), PATIENCE).close()
        except OSError as error:
            raise TrackingDown(str(error.strerror or error)) from error


def _check_file(path: Path, is_ours: bool) -> None:
    place = one_line(str(path))
    try:
        place.encode()
        os.fsencode(path).decode()
    except UnicodeError:
        raise TrackingUnusable(
            f"{place}: MLflow cannot open a database below a folder whose name is not UTF-8; choose another --home, or "
            "give --tracking-uri, or --no-mlflow"
        ) from None
    if not path.exists():
        folder = next(parent for parent in path.parents if parent.exists())
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise unwritable(folder)
        return
    if not path.is_file():
        raise TrackingUnusable(f"{place}: is no file; {_WAY_OUT if is_ours else 'give another --tracking-uri'}")
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise unwritable(path)
    try:
        with closing(sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
            rows = database.execute("SELECT version_num FROM alembic_version") if "alembic_version" in tables else ()
            versions = [str(version) for (version,) in rows]
            database.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise database_error(str(error), path) from error
    for version in versions:
        if not _is_known(version):
            raise TrackingUnusable(
                f"{place}: was made by a newer MLflow (schema {one_line(version)}); use that version, or {_WAY_OUT}"
            )


def database_error(text: str, path: Path | None) -> BenchError:
    """What SQLite's words mean: whether it is of use to ask again."""
    place = one_line(str(path)) if path is not None else "the database"
    words = text.lower()
    if "locked" in words or "busy" in words:
        return TrackingDown("the database is locked by another program")
    if "is full" in words:
        return TrackingDown("the disk is full")
    if "readonly" in words or "read-only" in words or "unable to open" in words:
        return unwritable(path or Path("the database"))
    return TrackingUnusable(f"{place}: is damaged or no database ({one_line(text)}); {_WAY_OUT}")


def unwritable(path: Path) -> TrackingUnusable:
    """The error for a place that MLflow's files cannot be written to."""
    return TrackingUnusable(
        f"{one_line(str(path))}: cannot be written ({os.strerror(errno.EACCES).lower()} or a read-only disk); make it "
        "writable, or give another --tracking-uri or --home"
    )


def _is_known(version: str) -> bool:
    """Whether the installed MLflow knows a version of its tables, by the names of its migrations."""
    mlflow = importlib.util.find_spec("mlflow")
    if mlflow is None or mlflow.origin is None:
        return True
    migrations = Path(mlflow.origin).parent / "store" / "db_migrations" / "versions"
    names = [path.name for path in migrations.glob("*.py")]
    return not names or any(name.startswith(version) for name in names)
