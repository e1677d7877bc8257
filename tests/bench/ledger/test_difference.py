import pytest
from written_records import write_result, write_score

from bench.base.errors import UsageError
from bench.ledger.difference import difference, find_run, print_difference
from bench.ledger.scores import wanted
from bench.plan.grid import Grid
from bench.plan.resolve import resolve


@pytest.fixture
def runs(toys):
    """Two runs that differ in seed and learning rate; the first one is scored."""
    grid = Grid(toys.home)
    keys = [
        grid.add_run(resolve(toys.method, toys.protocol, "smoke", settings={"lr": lr}), seed)
        for seed, lr in ((0, 0.05), (1, 0.9))
    ]
    grid.write_specs()
    for key, torch_version in zip(keys, ("2.15.0", "2.16.0"), strict=True):
        versions = {"python": "3.11", "torch": torch_version}
        write_result(toys.home.run(key), code="abc", versions=versions)
    spec = grid.runs[keys[0]]
    epoch, split, use = wanted(spec, ("test",))[-1]
    write_score(toys.home.run(keys[0]), spec, epoch, split, use, 2.5)
    return keys


def test_only_what_differs_and_all_scores(toys, runs, capsys):
    found = difference(*(toys.home.run(key) for key in runs))
    assert found.config == {"lr": (0.05, 0.9), "seed": (0, 1)}
    assert found.data == found.code == {}
    assert found.versions == {"torch": ("2.15.0", "2.16.0")}
    ((name, values),) = found.scores.items()
    assert name.startswith("epoch 4, test, ")
    assert values == (2.5, None)
    assert found.problems == []
    print_difference(found)
    shown = capsys.readouterr().out
    for text in ("lr", "0.05", "0.9", "2.16.0", "2.5", "the same: data, code"):
        assert text in shown


def test_a_damaged_score_is_left_out_and_said(toys, runs, capsys):
    (score,) = toys.home.run(runs[0]).scores.glob("*.json")
    score.write_text(score.read_text().replace("2.5", "1.5"))
    found = difference(*(toys.home.run(key) for key in runs))
    assert found.scores == {}
    assert [line.partition(": ")[0] for line in found.problems] == [str(score)]
    print_difference(found)
    assert f"not shown: {score}: is not what was written" in capsys.readouterr().out


def test_runs_by_the_beginning_of_their_keys(toys, runs):
    first, second = runs
    assert find_run(toys.home, first).key == first
    digits = first.rpartition("-")[2]
    short = next(digits[:n] for n in range(1, 17) if not second.rpartition("-")[2].startswith(digits[:n]))
    assert find_run(toys.home, short).key == first
    assert find_run(toys.home, f"toy-{short}").key == first
    assert find_run(toys.home, str(toys.home.root / first)).key == first
    with pytest.raises(UsageError, match="'toy-' is the beginning of 2 runs: toy-"):
        find_run(toys.home, "toy-")
    with pytest.raises(UsageError, match=r"no run under .* named 'zzz'"):
        find_run(toys.home, "zzz")
