"""What a job does on its node; through a real Slurm: tests/slurm."""

import signal

import pytest

from bench.ledger.folders import run_state
from bench.ledger.heartbeat import read_heartbeat
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.plugin.named import named_files
from bench.run.slurm.job import Pack, _stop, do


@pytest.fixture(autouse=True)
def _handler():
    """A job sets its own handler of SIGTERM."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def grid(toys):
    """A run that needs another one."""
    grid = Grid(toys.home)
    grid.add_run(resolve(f"{toys.method.rpartition(':')[0]}:NeedsTeacher", toys.protocol, "smoke"), 0)
    grid.write_specs()
    return grid


def pack_of(grid, *keys):
    root, datasets = str(grid.home.root), str(grid.home.datasets)
    return Pack(root, datasets, list(keys), 1, 15.0, 60.0, "\n".join(named_files()))


def test_a_job_does_its_runs_under_its_number(grid, monkeypatch):
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "12")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    pack_of(grid, *grid.runs)()
    assert [run_state(grid.home.run(key)) for key in grid.runs] == [("done", "")] * 2
    assert {read_heartbeat(grid.home.run(key)).job for key in grid.runs} == {"12_3"}
    assert grid.unfinished() == {}


def test_a_run_whose_needed_run_is_neither_done_nor_of_the_job_is_left_out(grid, capsys):
    teacher, student = grid.runs
    assert do(pack_of(grid, student)) == 1
    assert capsys.readouterr().out == f"run {student} is left out: it needs run {teacher}, which is not done\n"


def test_a_job_takes_one_signal_as_ctrl_c_and_saves_in_peace():
    with pytest.raises(KeyboardInterrupt):
        _stop()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
