"""What is known of the last time that MLflow was brought up to date, and how the next one is asked for.

It only saves work: what MLflow has is asked of MLflow. A command that ends appends a byte to a file and waits until a pass
has begun that knows of it, whichever process makes that pass.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress

from pydantic import ValidationError

from bench.base.home import Home
from bench.base.storage import read_json, write_json
from bench.base.validation import Strict
from bench.tracking.address import database_path, mark_path

FRESH_SECONDS = 60.0  # for how long it is believed that a server still has what was written there


class LastPass(Strict):
    """One pass.

    Attributes:
        writer: the process that made it.
        answers: how many requests had been made when it began.
        ledger: digest of what the run folders held; empty if it did not come to its end.
        database: what tells the database from another one; empty for a server.
        problems: a line for each file or run that could not be shown.
        failure: why MLflow could not be brought up to date; empty if it could.
        is_permanent: whether asking again is of no use.
    """

    writer: str
    answers: int
    ledger: str = ""
    database: str = ""
    problems: tuple[str, ...] = ()
    failure: str = ""
    is_permanent: bool = False

    def write(self, home: Home, uri: str) -> None:
        """Keep it for other processes."""
        write_json(mark_path(home, uri, "pass"), self.model_dump(mode="json"))

    def is_current(self, home: Home, uri: str) -> bool:
        """Whether MLflow still shows everything that the run folders hold, as far as can be told without asking it."""
        if not self._may_stand(uri):
            return False
        from bench.tracking.ledger_view import Ledger  # what it imports takes a while

        if not self.database:
            with suppress(OSError):
                age = time.time() - mark_path(home, uri, "pass").stat().st_mtime
                return age < FRESH_SECONDS and self.ledger == Ledger(home).digest()
            return False
        return self.ledger == Ledger(home).digest()

    def shows(self, ledger: str, uri: str) -> bool:
        """Whether it left MLflow with what the run folders hold, whose digest is given, and nobody has written since."""
        return self._may_stand(uri) and self.ledger == ledger

    def _may_stand(self, uri: str) -> bool:
        return not (self.failure or self.problems or not self.ledger or self.database != database_stamp(uri))


def read_last_pass(home: Home, uri: str) -> LastPass | None:
    """The last pass; None if there was none, or its record cannot be read."""
    try:
        return LastPass.model_validate(read_json(mark_path(home, uri, "pass")))
    except ValidationError:
        return None


def ask(home: Home, uri: str) -> int:
    """Ask for a pass; returns the number of the request."""
    handle = os.open(mark_path(home, uri, "asked"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(handle, b".")
        return os.fstat(handle).st_size
    finally:
        os.close(handle)


def asked(home: Home, uri: str) -> int:
    """How many requests there have been."""
    try:
        return mark_path(home, uri, "asked").stat().st_size
    except OSError:
        return 0


def database_stamp(uri: str) -> str:
    """What tells the present content of a SQLite file from another; empty for other addresses, and where there is none."""
    path = database_path(uri)
    try:
        status = path.stat() if path is not None else None
    except OSError:
        return "gone"
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns}" if status is not None else ""
