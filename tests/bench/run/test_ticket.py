import json
import subprocess
import sys

import pytest

from bench.base.device import VISIBLE
from bench.base.home import RunFolder
from bench.run.ticket import Ticket, is_alive, process_ticket, read_tickets, this_process


def test_a_ticket_is_found_again_in_the_runs_folder(tmp_path):
    folder = RunFolder(tmp_path / "cut-01")
    assert read_tickets(folder) == []
    mine = this_process(folder.key)
    mine.write(folder)
    queued = Ticket(executor="cluster", run=folder.key, job={"number": 7}, submitted=1.0)
    queued.write(folder)
    assert read_tickets(folder) == [queued, mine]
    (folder.tickets / "local.json").write_text("{")
    assert read_tickets(folder) == [queued]


def test_a_process_is_known_by_its_number_and_its_start():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    ticket = process_ticket("cut-01", child.pid)
    assert is_alive(ticket)
    other = ticket.job | {"started": "1"}
    assert not is_alive(ticket.model_copy(update={"job": other}))  # its number was given to another process
    elsewhere = ticket.job | {"host": "another"}
    assert not is_alive(ticket.model_copy(update={"job": elsewhere}))
    child.communicate(b"\n")
    assert not is_alive(ticket)


def test_a_damaged_ticket_hides_no_other(tmp_path):
    folder = RunFolder(tmp_path / "cut-01")
    queued = Ticket(executor="cluster", run=folder.key, job={"number": 7}, submitted=1.0)
    queued.write(folder)
    (folder.tickets / "another.json").write_text("{")
    further = queued.model_dump() | {"executor": "before", "surprise": 1}
    (folder.tickets / "before.json").write_text(json.dumps(further))  # of a version that says more
    assert read_tickets(folder) == [queued]


@pytest.mark.parametrize(("seen", "card"), [(None, ""), ("", ""), ("3", "3")])
def test_a_process_says_which_card_it_sees(monkeypatch, seen, card):
    monkeypatch.delenv(VISIBLE, raising=False)
    if seen is not None:
        monkeypatch.setenv(VISIBLE, seen)
    assert this_process("cut-01").job["card"] == card


def test_a_ticket_that_is_not_what_was_written_is_left_out_and_said(tmp_path, caplog):
    """Another number would be another job's, which nobody here may ask for or cancel."""
    folder = RunFolder(tmp_path / "cut-01")
    Ticket(executor="cluster", run=folder.key, job={"number": 7}, submitted=1.0).write(folder)
    path = folder.tickets / "cluster.json"
    path.write_text(path.read_text().replace('"number": 7', '"number": 8'))
    assert read_tickets(folder) == []
    (line,) = caplog.messages
    assert line.startswith(f"{path}: is not what was written of cut-01, cluster")


def test_tickets_of_earlier_versions_have_no_seal(tmp_path):
    folder = RunFolder(tmp_path / "cut-01")
    folder.tickets.mkdir(parents=True)
    (folder.tickets / "cluster.json").write_text(
        '{"executor": "cluster", "run": "cut-01", "job": {"number": 7}, "submitted": 1.0}'
    )
    (folder.tickets / "other.json").write_text(
        '{"executor": "other", "run": "cut-02", "job": {"number": 8}, "submitted": 1.0}'
    )
    assert [ticket.job for ticket in read_tickets(folder)] == [{"number": 7}]
