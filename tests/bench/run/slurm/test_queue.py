"""What Slurm's programs print, by programs of the same names that print it; the real ones: tests/slurm."""

import pytest

from bench.base.errors import NotAvailable
from bench.run.slurm.queue import Queue, QueuedJob, QueueSilent, cancel


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Writes a program that notes how it was called."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def write(name, body):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n{body}\n')
        (tmp_path / name).chmod(0o755)

    write.calls = lambda: (tmp_path / "calls").read_text().splitlines()
    return write


def test_jobs_of_arrays_are_told_apart_and_what_is_gone_is_left_out(programs):
    programs("squeue", "echo '7_0|RUNNING|n1|None'; echo '7_1|PENDING||Resources'; echo '8|NODE_FAIL|n2|NodeDown, now'")
    jobs = Queue(0.0).jobs(["7_0", "7_1", "8", "9"])
    assert jobs == {
        "7_0": QueuedJob("7_0", "RUNNING", "n1", "None"),
        "7_1": QueuedJob("7_1", "PENDING", "", "Resources"),
        "8": QueuedJob("8", "NODE_FAIL", "n2", "NodeDown, now"),
    }
    assert [jobs[id].is_over for id in ("7_0", "7_1", "8")] == [False, False, True]
    assert [jobs[id].waits for id in ("7_0", "7_1", "8")] == [False, True, False]
    assert programs.calls()[0].endswith("--jobs=7,8,9")


def test_it_is_asked_seldom_and_once_for_all(programs):
    programs("squeue", "echo '7|RUNNING|n1|None'; echo '8|RUNNING|n1|None'")
    queue = Queue(100.0)
    for id in ("7", "7", "8", "7", "8"):
        assert queue.jobs([id])[id].id == id
    assert len(programs.calls()) == 2
    queue.forget()
    queue.jobs(["7"])
    assert programs.calls()[-1].endswith("--jobs=7,8")


def test_a_job_that_the_queue_has_forgotten_is_gone_and_a_silent_controller_is_no_answer(programs):
    programs("squeue", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
    assert Queue(0.0).jobs(["7"]) == {}
    programs("squeue", "echo 'Unable to contact slurm controller (connect failure)' >&2; exit 1")
    with pytest.raises(QueueSilent, match="squeue: Unable to contact"):
        Queue(0.0).jobs(["7"])


def test_without_slurm_the_way_out_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotAvailable, match=r"squeue: no such program here; .* --executor commands"):
        Queue(0.0).jobs(["7"])


def test_nothing_is_asked_of_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Queue(0.0).jobs([]) == {}
    cancel([])
