import math

import numpy as np
import pytest
from written_records import write_result, write_score

from bench.compare.spread import Spread, pooled_spread, spread_of
from bench.ledger.scores import wanted
from bench.plan.grid import Grid
from bench.plan.resolve import resolve


def test_of_two_methods_it_is_the_deviation_of_their_paired_differences():
    a, b = [1.0, 2.5, 4.0, 3.0], [2.0, 3.0, 6.0, 3.5]
    deviation, freedom = spread_of([dict(enumerate(a)), dict(enumerate(b))])
    assert deviation == pytest.approx(np.std(np.subtract(a, b), ddof=1))
    assert freedom == 3


def test_effects_of_methods_and_of_seeds_are_no_spread():
    values = [{seed: 10.0 * method + seed**2 for seed in range(4)} for method in range(3)]
    deviation, freedom = spread_of(values)
    assert deviation == pytest.approx(0, abs=1e-9)
    assert freedom == 6  # (3 - 1)(4 - 1)


def test_many_runs_give_the_deviation_they_were_drawn_with():
    rng = np.random.default_rng(0)
    effect = rng.normal(0, 5, 400)
    values = [{seed: m + effect[seed] + rng.normal(0, 2) for seed in range(400) if (seed + m) % 5} for m in range(4)]
    deviation, freedom = spread_of(values)
    assert deviation == pytest.approx(2 * math.sqrt(2), rel=0.05)
    assert freedom == sum(map(len, values)) - 4 - 400 + 1


@pytest.mark.parametrize("values", [[], [{0: 1.0}], [{0: 1.0, 1: 2.0}], [{0: 1.0}, {1: 2.0}]])
def test_without_two_seeds_in_common_nothing_is_known(values):
    assert spread_of(values) == (None, 0)


def test_only_a_spread_of_enough_freedom_is_built_upon():
    spread = Spread(metric="FD", deviation=1.0, freedom=7, runs={"cut": 4, "mine": 5})
    assert not spread.is_known
    assert spread.sources == "cut (4 seeds), mine (5 seeds)"
    assert spread.model_copy(update={"freedom": 8}).is_known


def test_finished_runs_of_the_protocol_are_pooled_whoever_trained_them(toys):
    """Two settings and three seeds count; an unfinished run, and one of another protocol, do not."""
    metric = toys.protocol.select_by
    scores = {(0.05, 0): 1.0, (0.05, 1): 2.0, (0.05, 2): 4.0, (0.9, 0): 2.0, (0.9, 1): 2.5, (0.9, 2): 7.0}
    grid = Grid(toys.home)
    for (lr, seed), value in scores.items():
        key = grid.add_run(resolve(toys.method, toys.protocol, "smoke", settings={"lr": lr}), seed)
        grid.write_specs()
        write_result(toys.home.run(key))
        for epoch, split, use in wanted(grid.runs[key], ("test",)):
            write_score(toys.home.run(key), grid.runs[key], epoch, split, use, value)
    unfinished = grid.add_run(resolve(toys.method, toys.protocol, "smoke", settings={"lr": 7.0}), 0)
    other = grid.add_run(resolve(toys.method, toys.protocol, "smoke", settings={"lr": 8.0}), 0)
    grid.runs[other] = grid.runs[other].model_copy(update={"asked_by": ["others@1 smoke"]})
    grid.write_specs()
    write_result(toys.home.run(other))
    found = pooled_spread(toys.home, grid.runs[unfinished], "toys@1 smoke", metric, "last", False)
    assert found.runs == {"toy": 3, "toy{lr=0.9}": 3}
    assert found.freedom == 2
    assert found.deviation == pytest.approx(np.std([1.0, 0.5, 3.0], ddof=1))
