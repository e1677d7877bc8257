"""The executor `slurm` on a real Slurm of one node: what is submitted, survives and is said, and that no digit changes."""

import json
import os
import subprocess
import sys
from contextlib import suppress
from types import SimpleNamespace

import pytest
from toy_jobs import executor, grid_of, job_of, same, state_of, steps_of, stops_of, until

from bench.base.errors import BenchError
from bench.commands.cancel import cancel
from bench.ledger.folders import run_state
from bench.run.executors.local import LocalExecutor
from bench.run.slurm.queue import QueueSilent, slurm

pytestmark = pytest.mark.slurm

STALL = {"stall": 0.5}  # seconds of each of 16 steps; they change no digit


@pytest.fixture(scope="module")
def limited(cluster, make_toys, tmp_path_factory):
    """A run that its time limit will interrupt; begun first, since Slurm looks at time limits twice a minute only."""
    toys = make_toys(tmp_path_factory.mktemp("limited"))
    grid, (key,) = grid_of(toys, ("Toy", {"stall": 3.0}))
    executor(toys.home, hours=1 / 60, signal_seconds=10).hand_over(grid.runs)
    return SimpleNamespace(home=toys.home, key=key, job=job_of(toys.home, key))


@pytest.fixture(scope="module")
def local(limited, make_toys, tmp_path_factory):
    """The same runs by the local executor."""
    toys = make_toys(tmp_path_factory.mktemp("local"))
    grid, keys = grid_of(toys, ("Toy", {}), ("Toy", {"lr": 0.02}), ("NeedsTeacher", {}))
    LocalExecutor(toys.home).run(grid.runs, lambda *_: None)
    return [toys.home.run(key) for key in keys]


def hurry(home, key, job, *more):
    """Slurm lets a job that was queued again wait for two minutes."""
    if "BeginTime" in state_of(home, key)[1]:
        with suppress(QueueSilent):  # it has begun just now
            slurm("scontrol", "update", f"JobId={job}", "StartTime=now", *more)


def is_done(limited):
    """Whether the run that its time limit interrupts is done; from the second time on it has more time."""
    hurry(limited.home, limited.key, limited.job, "TimeLimit=10")
    return run_state(limited.home.run(limited.key))[0] == "done"


def test_runs_share_jobs_of_an_array_and_a_needed_run_comes_first(local, toys):
    grid, keys = grid_of(toys, ("Toy", {}), ("Toy", {"lr": 0.02}), ("NeedsTeacher", {}))
    student = keys[2]
    teacher = grid.runs[student].needs["teacher"]
    seen: list[tuple[bool, str]] = []

    def update(active, outcomes):
        seen.append((teacher in outcomes, active.get(student, "")))

    outcomes = executor(toys.home, pack=2).run(grid.runs, update)
    assert {outcome.state for outcome in outcomes.values()} == {"done"}
    jobs = {key: job_of(toys.home, key) for key in grid.runs}
    assert len(set(jobs.values())) == 3  # of four runs: two jobs of an array, and the student's
    assert len({job.partition("_")[0] for job in jobs.values()}) == 2
    assert any("Dependency" in where for done, where in seen if not done)
    for key, here in zip(keys, local, strict=True):
        assert same(toys.home.run(key), here)
        assert not toys.home.run(key).lock.exists()  # nothing is locked on the node
    assert [path.name for path in toys.home.root.iterdir() if path.name.endswith(".db")] == []


def test_a_run_whose_job_is_queued_again_goes_on_where_it_was(limited, local, toys):
    grid, (key,) = grid_of(toys, ("Toy", STALL))
    executor(toys.home).hand_over(grid.runs)
    job = job_of(toys.home, key)
    until(lambda: steps_of(toys.home, key) >= 3)
    slurm("scontrol", "requeue", job)
    until(lambda: state_of(toys.home, key)[0] == "queued")
    # another command finds the job by its ticket and waits for it
    outcomes = executor(toys.home).run(grid.runs, lambda *_: hurry(toys.home, key, job))
    assert outcomes[key].state == "done"
    assert job_of(toys.home, key) == job
    assert stops_of(toys.home.run(key))
    assert same(toys.home.run(key), local[0])


def test_a_dead_node_is_said_and_a_cancelled_run_goes_on(cluster, limited, local, toys):
    until(lambda: is_done(limited))
    grid, (key,) = grid_of(toys, ("Toy", STALL))
    folder = toys.home.run(key)
    executor(toys.home, requeue=False).hand_over(grid.runs)
    until(lambda: steps_of(toys.home, key) >= 2)
    cluster.break_node()
    slurm("scontrol", "update", f"NodeName={cluster.name}", "State=DOWN", "Reason=broken")
    state, reason = until(lambda: (found := state_of(toys.home, key))[0] == "dead" and found)
    assert "is over (NODE_FAIL); last heartbeat" in reason
    assert reason.endswith(f"on {cluster.name}; run the same command to go on")

    cluster.start_node()
    executor(toys.home).hand_over(grid.runs)
    until(lambda: steps_of(toys.home, key) >= 3 and state_of(toys.home, key)[0] == "running")
    status = [sys.executable, "-P", "-c", "from bench.cli.main import main; main()", "status", "--json"]
    told = subprocess.run(
        [*status, "--home", str(toys.home.root)], env=os.environ, capture_output=True, text=True, check=True
    )
    assert json.loads(told.stdout)[0]["reason"] == f"job {job_of(toys.home, key)} on {cluster.name}"
    assert cancel(toys.home, [key]) == [key]
    state, reason = state_of(toys.home, key)
    assert (state, reason.endswith("of 16 steps are done")) == ("not run", True)
    assert list(folder.checkpoints.glob("state-*.json"))
    outcomes = executor(toys.home).run(grid.runs, lambda *_: None)
    assert outcomes[key].state == "done"
    assert stops_of(folder)
    assert same(folder, local[0])


def test_a_waiting_run_is_taken_out_of_the_queue(cluster, toys):
    grid, (key,) = grid_of(toys, ("Toy", {}))
    executor(toys.home, sbatch={"begin": "now+1hour"}).hand_over(grid.runs)
    job = job_of(toys.home, key)
    assert state_of(toys.home, key) == ("queued", f"job {job} waits (BeginTime)")
    assert cancel(toys.home, []) == [key]
    assert state_of(toys.home, key) == ("not run", "")
    assert "CANCELLED" in slurm("squeue", "--noheader", "--states=all", "--format=%T", f"--jobs={job}")


def test_a_run_is_saved_before_its_time_limit_and_goes_on(limited, local):
    folder = limited.home.run(limited.key)
    until(lambda: is_done(limited))
    assert stops_of(folder)
    assert job_of(limited.home, limited.key) == limited.job
    (log,) = limited.home.jobs.glob("*_log.out")
    assert "Caught signal SIGUSR2" in log.read_text()
    assert same(folder, local[0])


def test_what_slurm_refuses_is_said_in_one_line(cluster, toys):
    grid, _ = grid_of(toys, ("Toy", {}))
    with pytest.raises(BenchError, match=r"Slurm does not take the job contrastbench-toy: .*invalid partition"):
        executor(toys.home, partition="nowhere").hand_over(grid.runs)
