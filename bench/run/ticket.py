"""A ticket: what an executor needs to find a job again, written to the run's folder so that any later process can."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.base.device import VISIBLE
from bench.base.home import RunFolder
from bench.base.processes import process_start
from bench.base.storage import read_json, write_json


class Ticket(BaseModel):
    """One run that was given to an executor.

    Attributes:
        executor: its name.
        run: train key.
        job: how that executor finds the job: for `local` host, pid and the process's start; for a scheduler its number.
        submitted: when, in seconds since 1970.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    executor: str
    run: str
    job: dict[str, Any]
    submitted: float

    def write(self, folder: RunFolder) -> None:
        """Keep it in the run's folder; an earlier one of the same executor is replaced."""
        write_json(folder.tickets / f"{self.executor}.json", self.model_dump(mode="json"))


def read_tickets(folder: RunFolder) -> list[Ticket]:
    """The last ticket of each executor that was given this run; damaged ones are left out."""
    tickets = []
    for path in sorted(folder.tickets.glob("*.json")):
        try:
            tickets.append(Ticket.model_validate(read_json(path)))
        except ValidationError:
            continue
    return tickets


def process_ticket(run: str, pid: int, **more: Any) -> Ticket:
    """The ticket of a run that is a process on this machine."""
    job = {"host": socket.gethostname(), "pid": pid, "started": process_start(pid), **more}
    return Ticket(executor="local", run=run, job=job, submitted=time.time())


def is_here(ticket: Ticket) -> bool:
    """Whether a ticket's process is one of this machine."""
    return bool(ticket.job.get("host") == socket.gethostname())


def is_alive(ticket: Ticket) -> bool:
    """Whether a ticket's process, not another one that was given its number since, still runs on this machine."""
    started = ticket.job.get("started")
    pid = ticket.job.get("pid")
    return is_here(ticket) and bool(started) and type(pid) is int and process_start(pid) == started


def this_process(run: str) -> Ticket:
    """The ticket of a run that this process does, on the one card that it sees."""
    return process_ticket(run, os.getpid(), card=os.environ.get(VISIBLE, ""))
