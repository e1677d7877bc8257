import json
from pathlib import Path

import pytest
import torch

from bench.base.storage import read_json
from bench.ledger.folders import read_error
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run import process
from bench.run.execute import execute
from bench.run.lease import JOB
from bench.run.other_ranks import RankLost
from bench.run.process import ProgressFile

PLUGINS = Path(__file__).parents[2] / "plugins"


@pytest.fixture
def rounding():
    """A process in which something has allowed TF32."""
    places = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [place.allow_tf32 for place in places]
    for place in places:
        place.allow_tf32 = True
    yield
    for place, value in zip(places, before, strict=True):
        place.allow_tf32 = value


@pytest.mark.usefixtures("rounding")
def test_a_run_rounds_nothing_to_tf32_and_says_what_made_it(toys, tmp_path):
    notes = tmp_path / "notes.jsonl"
    grid = Grid(toys.home)
    key = grid.add_run(resolve(f"{PLUGINS / 'seeing.py'}:Sees", toys.protocol, "smoke", {"notes": str(notes)}), 0)
    grid.write_specs()
    folder = toys.home.run(key)
    execute(toys.home, key, ProgressFile(folder))
    seen = [json.loads(line) for line in notes.read_text().splitlines()]
    assert len(seen) == 16
    assert all(line["tf32"] == [False, False] for line in seen)

    made_on = {"device": "cpu", "card": "", "driver": "", "threads": 1}
    stored = [read_json(folder.result), *(read_json(path) for path in folder.scores.iterdir())]
    assert len(stored) == 5
    assert all(made_on.items() <= one.items() for one in stored)


def test_the_last_phase_is_written_however_soon_it_comes(toys):
    folder = toys.home.run("a" * 12)
    folder.path.mkdir(parents=True)
    progress = ProgressFile(folder)
    progress({"phase": "training", "step": 1})
    progress({"phase": "done", "step": 2})
    content = json.loads(folder.progress.read_text())
    assert (content["phase"], content["step"]) == ("done", 2)


@pytest.fixture
def begun(toys, monkeypatch):
    """A planned run, and what starts it in this process; its signals are left alone."""
    monkeypatch.setattr("signal.signal", lambda *_: None)
    grid = Grid(toys.home)
    key = grid.add_run(resolve(toys.method, toys.protocol, "smoke"), 0)
    grid.write_specs()
    return toys.home.run(key), lambda: process.main([str(toys.home.root), str(toys.home.datasets), key])


def test_a_run_that_is_asked_to_stop_says_where_it_stopped(begun, monkeypatch, capfd):
    folder, start = begun
    monkeypatch.setattr(ProgressFile, "should_stop", lambda self: True)
    assert start() == process.STOPPED
    assert "stopped at step 1 of 16; run the same command to go on" in capfd.readouterr().out
    assert not folder.error.exists()


def test_a_run_that_a_cards_memory_is_too_small_for_says_so_and_ends_with_a_status_of_its_own(begun, monkeypatch):
    folder, start = begun

    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 1.00 GiB free. More")

    monkeypatch.setattr("bench.run.execute.execute", full)
    assert start() == process.NO_MEMORY == 5
    assert "ran out of the device's memory (Tried to allocate 2.00 GiB" in read_error(folder).message


def test_a_run_of_a_schedulers_job_is_owned_by_its_job_and_stops_when_that_is_told_to(begun, monkeypatch):
    monkeypatch.setenv(JOB, "12_3")
    folder, _ = begun
    progress = ProgressFile(folder)
    owner = process._owner(folder, progress)
    assert (owner.job, progress.should_stop()) == ("12_3", False)
    owner.stop()
    assert progress.should_stop()


def test_a_rank_that_is_lost_while_the_first_waits_for_it_ends_the_run_with_its_reason(begun, toys, monkeypatch):
    folder, _ = begun
    ended = []
    monkeypatch.setattr("os._exit", ended.append)
    others = process._other_ranks(toys.home, folder)
    others.give_up(RankLost("rank 1 was killed by SIGKILL", was_killed=True))
    assert ended == [1]
    assert (read_error(folder).message, read_error(folder).was_killed) == ("rank 1 was killed by SIGKILL", True)


def test_a_run_that_lost_a_rank_says_which_and_whether_it_was_killed(begun, monkeypatch):
    folder, start = begun
    given = []

    def lose(home, key, progress, others):
        given.append((key, others.count))
        raise RankLost("rank 1 was killed by SIGKILL", was_killed=True)

    monkeypatch.setattr("bench.run.execute.execute", lose)
    assert start() == 1
    assert given == [(folder.key, 1)]
    assert (read_error(folder).message, read_error(folder).was_killed) == ("rank 1 was killed by SIGKILL", True)
