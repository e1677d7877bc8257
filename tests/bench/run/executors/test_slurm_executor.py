"""What the executor `slurm` makes of the queue and of heartbeats, and what it asks for; on a real Slurm: tests/slurm."""

import os
import sys
import time
from types import SimpleNamespace

import pytest

from bench.base.errors import BenchError, NotAvailable, UsageError
from bench.base.storage import write_json
from bench.commands.cancel import cancel
from bench.commands.status import status_rows
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run.executors import executor as contract
from bench.run.executors import slurm as module
from bench.run.executors.local import LocalExecutor
from bench.run.executors.slurm import SlurmExecutor
from bench.run.lease import is_called_off
from bench.run.slurm.queue import QueuedJob, QueueSilent
from bench.run.ticket import Ticket
from bench.schema.records import RunError

JOB = "12_3"


class Jobs:
    """A queue that says what it is told to."""

    def __init__(self, *jobs, silent=False):
        self.known, self.silent = {job.id: job for job in jobs}, silent

    def jobs(self, ids):
        if self.silent:
            raise QueueSilent("squeue: Unable to contact slurm controller")
        return {id: self.known[id] for id in ids if id in self.known}

    def forget(self):
        pass


@pytest.fixture
def grid(toys, monkeypatch):
    """A run that needs another one; the queue knows nothing yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(toys.home.root))
    grid = Grid(toys.home)
    grid.add_run(resolve(f"{toys.method.rpartition(':')[0]}:NeedsTeacher", toys.protocol, "smoke"), 0)
    grid.write_specs()
    monkeypatch.setattr(module, "Queue", lambda seconds: Jobs())
    contract._with_queue.cache_clear()
    return grid


@pytest.fixture
def submitted(monkeypatch):
    """What is handed to submitit, in place of which this stands."""
    arrays = []

    class Submitit:
        def __init__(self, folder, max_num_timeout, python):
            self.folder = folder

        def update_parameters(self, **parameters):
            self.parameters = parameters

        def submit_array(self, packs):
            arrays.append((self.parameters, packs))
            numbers = range(len(packs))
            return [
                SimpleNamespace(job_id=f"{len(arrays)}_{n}" if len(packs) > 1 else str(len(arrays))) for n in numbers
            ]

    core = SimpleNamespace(utils=SimpleNamespace(FailedJobError=KeyError))
    monkeypatch.setitem(sys.modules, "submitit", SimpleNamespace(SlurmExecutor=Submitit, core=core))
    return arrays


def beat(folder, seconds_ago=0.0, job=JOB, status=None):
    at = time.time() - seconds_ago
    content = {"job": job, "claim": "a", "host": "n1", "pid": 3, "every": 15.0, "beat": at, "status": status}
    write_json(folder.heartbeat, content)
    os.utime(folder.heartbeat, (at, at))


def outcome(grid, *jobs, silent=False):
    """What is said of the first run, which was given to job 12_3."""
    key = next(iter(grid.runs))
    executor = SlurmExecutor(grid.home)
    executor.queue = Jobs(*jobs, silent=silent)
    found = executor.poll({key: ticket(key)})[key]
    return found.state, found.reason


def ticket(key, submitted=1.0):
    return Ticket(executor="slurm", run=key, job={"id": JOB, "runs": [key]}, submitted=submitted)


RUNNING = QueuedJob(JOB, "RUNNING", "n1", "None")
PENDING = QueuedJob(JOB, "PENDING", "", "Resources")
DEAD = QueuedJob(JOB, "NODE_FAIL", "n1", "NodeDown")


def test_a_job_that_waits_runs_or_has_not_come_to_the_run_is_told_so(grid):
    folder = grid.home.run(next(iter(grid.runs)))
    assert outcome(grid, PENDING) == ("queued", "job 12_3 waits (Resources)")
    assert outcome(grid, RUNNING) == ("queued", "job 12_3 on n1 comes to it")
    beat(folder)
    assert outcome(grid, RUNNING) == ("running", "job 12_3 on n1")
    beat(folder, 100)
    assert outcome(grid, RUNNING) == ("running", "job 12_3 on n1, last heartbeat 1 min 40 s ago")
    beat(folder, 100, status=3)  # it was saved to be queued again
    assert outcome(grid, RUNNING)[0] == "queued"


def test_a_dead_node_is_told_by_the_queue_and_the_last_heartbeat(grid):
    folder = grid.home.run(next(iter(grid.runs)))
    beat(folder, 200)
    said = "last heartbeat 3 min 20 s ago, on n1; run the same command to go on"
    assert outcome(grid, DEAD) == ("stopped", f"job 12_3 is over (NODE_FAIL); {said}")
    assert outcome(grid) == ("stopped", f"job 12_3 is gone; {said}")
    folder.heartbeat.unlink()
    assert outcome(grid)[1] == "job 12_3 is gone, and the run had not begun; run the same command to go on"


def test_a_fresh_heartbeat_counts_even_if_the_queue_is_silent_or_has_forgotten(grid):
    beat(grid.home.run(next(iter(grid.runs))))
    assert outcome(grid, silent=True) == ("running", "job 12_3 on n1")
    assert outcome(grid)[0] == "running"


def test_nothing_is_given_up_while_the_queue_is_silent(grid):
    state, reason = outcome(grid, silent=True)
    assert (state, reason) == ("running", "job 12_3, perhaps: squeue: Unable to contact slurm controller")


def test_a_failure_counts_if_it_is_of_this_job(grid):
    key = next(iter(grid.runs))
    RunError(message="loss G is not finite", time=0.5).write(grid.home.run(key).error, key)
    assert outcome(grid)[0] == "stopped"  # of an earlier attempt
    RunError(message="loss G is not finite", time=2.0).write(grid.home.run(key).error, key)
    beat(grid.home.run(key), status=1)
    assert outcome(grid, RUNNING) == ("failed", "loss G is not finite")


def test_everything_is_handed_over_at_once_in_the_order_of_dependency(grid, submitted):
    executor = SlurmExecutor(
        grid.home, slots=3, job={"partition": "gpu", "account": "us", "requeue": False, "sbatch": {"mail-type": "END"}}
    )
    executor.queue = Jobs(QueuedJob("1", "PENDING", "", "None"), QueuedJob("2", "PENDING", "", "Dependency"))
    tickets = executor.hand_over(grid.runs)
    teacher, student = grid.runs
    assert {key: one.job["id"] for key, one in tickets.items()} == {teacher: "1", student: "2"}
    (first, packs), (second, _) = submitted
    assert [pack.keys for pack in packs] == [[teacher]]
    assert "dependency" not in first
    assert second["dependency"] == "afterany:1"
    assert (first["partition"], first["account"], first["array_parallelism"]) == ("gpu", "us", 3)
    assert (first["time"], first["setup"]) == (24 * 60, ["export PYTHONSAFEPATH=1"])
    assert not first.keys() & {"qos", "constraint", "gres", "gpus_per_node"}  # Slurm's own defaults
    assert first["additional_parameters"] == {"mail-type": "END", "no-requeue": True}
    # the same command again finds them in the queue, and submits nothing
    assert executor.hand_over(grid.runs).keys() == grid.runs.keys()
    assert len(submitted) == 2


def test_status_shows_the_queue_and_cancel_empties_it(grid, monkeypatch):
    key, other = grid.runs
    ticket(key).write(grid.home.run(key))
    monkeypatch.setattr(module, "Queue", lambda seconds: Jobs(PENDING))
    rows = {row.key: (row.state, row.reason) for row in status_rows(grid.home)}
    assert rows == {key: ("queued", "job 12_3 waits (Resources)"), other: ("not run", "")}
    cancelled = []
    monkeypatch.setattr(module, "cancel", lambda ids: cancelled.extend(ids))
    assert cancel(grid.home, []) == [key]
    assert cancelled == [JOB]
    assert not list(grid.home.run(key).tickets.iterdir())
    assert is_called_off(grid.home.run(key), JOB)


def test_a_job_that_also_does_other_runs_goes_on(grid, monkeypatch):
    key, other = grid.runs
    monkeypatch.setattr(module, "cancel", lambda ids: pytest.fail(f"cancelled {ids}") if list(ids) else None)
    shared = Ticket(executor="slurm", run=key, job={"id": JOB, "runs": [key, other]}, submitted=1.0)
    SlurmExecutor(grid.home).cancel({key: shared})
    assert is_called_off(grid.home.run(key), JOB)


def test_status_says_of_a_run_whose_job_is_gone_that_it_is_dead(grid):
    key = next(iter(grid.runs))
    ticket(key).write(grid.home.run(key))
    state, reason = next((row.state, row.reason) for row in status_rows(grid.home) if row.key == key)
    assert (state, reason.partition(",")[0]) == ("dead", "job 12_3 is gone")


def test_without_submitit_or_with_a_refusal_the_way_out_is_said(grid, submitted, monkeypatch):
    def refuse(self, packs):
        raise KeyError("invalid partition")

    monkeypatch.setattr(sys.modules["submitit"].SlurmExecutor, "submit_array", refuse)
    with pytest.raises(BenchError, match="Slurm does not take the job contrastbench-toy: 'invalid partition'"):
        SlurmExecutor(grid.home).hand_over(grid.runs)
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(NotAvailable, match=r"pip install 'contrastbench\[slurm\]'"):
        SlurmExecutor(grid.home).hand_over(grid.runs)


def test_executors_that_do_runs_themselves_cannot_be_left_and_take_no_options_of_jobs(grid):
    with pytest.raises(UsageError, match="--no-wait: executor local does its runs itself"):
        LocalExecutor(grid.home).hand_over(grid.runs)
    with pytest.raises(UsageError, match="--job hours: executor local submits no jobs"):
        LocalExecutor(grid.home, job={"hours": 3})


KILLED = QueuedJob(JOB, "OUT_OF_MEMORY", "n1", "OutOfMemory")


def of_memory(grid, executor, *jobs, **said):
    """What becomes of the first run when its job of 24 GB is as the queue says."""
    key = next(iter(grid.runs))
    executor.queue = Jobs(*jobs)
    job = {"id": JOB, "runs": [key], "memory_gb": 24, "again": False} | said
    return executor.poll({key: Ticket(executor="slurm", run=key, job=job, submitted=1.0)})[key]


def test_a_job_that_ran_out_of_memory_is_submitted_once_more_with_twice_as_much(grid, submitted):
    executor, key = SlurmExecutor(grid.home), next(iter(grid.runs))
    beat(grid.home.run(key), status=1)  # the kernel killed the run, and the job saw it
    RunError(message="run was killed by SIGKILL", time=2.0, was_killed=True).write(grid.home.run(key).error, key)
    assert of_memory(grid, executor, KILLED).state == "elsewhere"
    again = executor.submit({key: grid.runs[key]})[key]
    assert submitted[0][0]["mem"] == "48GB"
    assert (again.job["memory_gb"], again.job["again"]) == (48, True)
    refused = of_memory(grid, executor, KILLED, memory_gb=48, again=True)
    assert refused.state == "failed"
    assert refused.reason == "job 12_3 ran out of its memory of 48 GB; ask for more: --job memory_gb=96"


def test_memory_that_the_user_gave_is_not_changed_and_another_runs_failure_is_its_own(grid):
    given = SlurmExecutor(grid.home, job={"memory_gb": 24})
    assert of_memory(grid, given, KILLED).reason == (
        "job 12_3 ran out of its memory of 24 GB; ask for more: --job memory_gb=48"
    )
    key = next(iter(grid.runs))
    RunError(message="loss G is not finite", time=2.0).write(grid.home.run(key).error, key)
    assert of_memory(grid, SlurmExecutor(grid.home), KILLED).reason == "loss G is not finite"
