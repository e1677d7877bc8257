"""One of the other ranks with a stand-in for the first one; whole runs of several are in test_other_ranks.py."""

import pytest

from bench.base import collective
from bench.base.errors import BenchError
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run.follow import follow


def test_a_first_rank_that_makes_other_steps_is_not_followed(toys, tmp_path, monkeypatch):
    grid = Grid(toys.home)
    key = grid.add_run(resolve(toys.method, toys.protocol, "smoke"), 0)
    grid.write_specs()
    made, told = [], iter([0, 1, 3])
    monkeypatch.setattr(collective, "join", lambda *_: None)
    monkeypatch.setattr(collective, "told_by_first", lambda: next(told))
    monkeypatch.setattr("bench.run.follow.RankedStep", lambda *_: lambda batch, context: made.append(context.step))
    line = r"^made step 1, and the first rank goes on with step 3; run the same command again$"
    with pytest.raises(BenchError, match=line):
        follow(toys.home, key, 1, tmp_path / "meeting")
    assert made == [0, 1]
