"""A run of two processes, from its plan to its score: what it computes, what it writes, and how it ends and goes on."""

import os
import signal
import tempfile
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from bench.base.errors import BenchError
from bench.base.ranks import ONE, Ranks
from bench.base.storage import read_json
from bench.commands.run import run
from bench.ledger.folders import read_error, read_result
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run.execute import execute
from bench.run.executors.local import LocalExecutor
from bench.run.other_ranks import OtherRanks
from bench.run.process import ProgressFile
from bench.schema.run_spec import read_spec
from bench.schema.upkeep import Upkeep

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for a run's processes in /proc")
TWO = Ranks(count=2)
OFTEN = Upkeep(keep="all", save_minutes=1e-4)


def plan(toys, ranks, **settings):
    """A planned run's key and folder."""
    grid = Grid(toys.home, upkeep=OFTEN, ranks=ranks)
    method = f"{Path(toys.method).with_name('shared_toy.py')}:SharedToy"
    key = grid.add_run(resolve(method, toys.protocol, "smoke", settings={"images_per_epoch": 8} | settings), 0)
    grid.write_specs()
    return key, toys.home.run(key)


def weights(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.checkpoints.glob("epoch-*.safetensors"))}


@pytest.fixture(scope="module")
def whole(make_toys, tmp_path_factory):
    """A run of two processes that nobody disturbed."""
    toys = make_toys(tmp_path_factory.mktemp("whole"))
    key, folder = plan(toys, TWO, stall=0.05)
    assert run(toys.home, key, {}, None, False)
    return toys, key, folder


def test_two_processes_make_the_run_of_one(whole):
    toys, key, folder = whole
    alone, folder_alone = plan(toys, ONE, stall=0.05)
    assert alone != key
    assert run(toys.home, alone, {}, None, False)
    names = [path.name for path in folder.checkpoints.glob("epoch-*.safetensors")]
    assert len(names) == 2
    for name in names:
        torch.testing.assert_close(load_file(folder.checkpoints / name), load_file(folder_alone.checkpoints / name))
    assert read_result(folder).steps == read_result(folder_alone).steps == 16
    assert "2 ranks make each step; steps are not recorded as a graph" in folder.log.read_text()
    assert "rank 1:" not in folder.log.read_text()
    assert not list(Path(tempfile.gettempdir()).glob(f".cb-*.{read_json(folder.progress)['pid']}.tmp"))


def other_rank(pid):
    """The process of a run's other rank."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return next(int(c) for c in children if c)


def killed_in_the_middle(toys, key, folder, victim, number=signal.SIGKILL):
    """Start a run and kill one of its processes in its sixth step or later; returns how the run ended, and the others."""
    pids = {}

    def watch(active, outcomes):
        progress = read_json(folder.progress) or {}
        if not pids and progress.get("step", 0) >= 6:
            pids["first"], pids["other"] = progress["pid"], other_rank(progress["pid"])
            os.kill(pids[victim], number)

    executor = LocalExecutor(toys.home, slots=1)
    outcome = executor.run({key: read_spec(folder.spec)}, watch)[key]
    return outcome, [pid for name, pid in pids.items() if name != victim]


def is_gone(pid, seconds=10.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("victim", ["other", "first"])
def test_a_killed_rank_ends_the_others_and_the_same_command_goes_on_exactly(toys, whole, victim):
    key, folder = plan(toys, TWO, stall=0.05)
    assert key == whole[1]
    outcome, left = killed_in_the_middle(toys, key, folder, victim)
    assert outcome.state == "failed"
    if victim == "other":
        assert outcome.reason == f"rank 1 of run {key} was killed by SIGKILL; run the same command to go on"
        assert read_error(folder).was_killed
    assert all(map(is_gone, left))
    assert list(folder.checkpoints.glob("state-*"))
    assert run(toys.home, key, {}, None, False)
    assert weights(folder) == weights(whole[2])
    assert folder.metrics.read_bytes() == whole[2].metrics.read_bytes()


def test_a_run_that_is_asked_to_stop_saves_its_state_and_ends_all_its_ranks(toys, whole):
    key, folder = plan(toys, TWO, stall=0.05)
    outcome, left = killed_in_the_middle(toys, key, folder, "first", signal.SIGTERM)
    assert outcome.state == "stopped"
    assert all(map(is_gone, left))
    assert "rank 1:" not in folder.log.read_text()
    assert run(toys.home, key, {}, None, False)
    assert weights(folder) == weights(whole[2])


def test_a_run_of_two_ranks_is_not_made_by_one_process_alone(toys):
    key, folder = plan(toys, TWO)
    with pytest.raises(BenchError, match=f"is of 2 ranks; do it by: contrastbench run {key}"):
        execute(toys.home, key, ProgressFile(folder))


def test_a_rank_that_fails_alone_says_why(toys):
    key, folder = plan(toys, TWO, explode_at=2)
    outcome = LocalExecutor(toys.home, slots=1).run({key: read_spec(folder.spec)}, lambda *_: None)[key]
    assert outcome.state == "failed"
    assert outcome.reason == f"rank 1 of run {key} failed: RuntimeError: this rank explodes"
    assert "rank 1: Traceback" in folder.log.read_text()


def test_where_ranks_meet_is_named_after_this_program_and_goes_with_them(toys, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.run.other_ranks.own_folder", lambda: None)  # there is no room for a socket's path
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(OtherRanks, "_follow", lambda self, rank: None)
    with OtherRanks(toys.home, "toy-1", 2, pytest.fail) as others:
        folder = others.meeting.parent
        assert folder.is_dir()
        assert (folder.parent, folder.name.partition("-")[0]) == (tmp_path, "contrastbench")
    assert not folder.exists()
