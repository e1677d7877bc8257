import pytest
from written_records import write_result, write_score

from bench.base.errors import UsageError
from bench.ledger.difference import difference, find_run, find_runs, print_difference
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


def test_what_a_run_was_made_of_and_on(toys, tmp_path):
    """Data, device, code and the user's files: whatever differs is there by name, with both values."""
    grid = Grid(toys.home)
    first = grid.add_run(resolve(toys.method, toys.protocol, "smoke"), 0)
    spec = grid.runs[first]
    other = spec.model_copy(
        update={
            "fingerprint": "f" * 64, "plugins": {"elsewhere/mine.py:Mine": "a" * 64}, "revisions": {"toy": 2},
            "data": spec.data.model_copy(update={"validation": 1}), "needs": {"teacher": "toy-1"},
        }
    )  # fmt: skip
    second = other.train_key
    grid.runs[second] = other
    grid.write_specs()
    write_result(toys.home.run(first), code="abc", card="one card", versions={"python": "3.11"})
    write_result(toys.home.run(second), code="xyz", driver="570", versions={"python": "3.12"})
    epoch, split, use = wanted(spec, ("validation", "test"))[0]
    assert split == "validation"
    write_score(toys.home.run(first), spec, epoch, split, use, 3.0)
    write_score(toys.home.run(second), other, epoch, split, use, 2.75)
    found = difference(toys.home.run(first), toys.home.run(second))
    assert found.states == ("done", "done")
    assert found.data["fingerprint"] == (spec.fingerprint, "f" * 64)
    assert found.data["validation"] == (2, 1)
    assert found.code["contrastbench"] == ("abc", "xyz")
    assert found.code["file mine.py"] == (None, "a" * 64)
    assert found.config["needs teacher"] == (None, "toy-1")
    assert found.versions == {"python": ("3.11", "3.12"), "card": ("one card", None), "driver": (None, "570")}
    assert list(found.scores.values()) == [(3.0, 2.75)]


def row_of(shown, name):
    return next(line.split() for line in shown.splitlines() if line.startswith(name))


def test_scores_are_shown_with_their_difference(toys, runs, capsys):
    found = difference(*(toys.home.run(key) for key in runs))
    scores = {"a": (2.5, 1.25), "b": (0.123456789, 0.123456789), "c": (None, 7.0), "d": (7.0, None)}
    print_difference(found.model_copy(update={"scores": scores}))
    shown = capsys.readouterr().out
    assert [line for line in shown.splitlines() if line.startswith(("A: ", "B: "))] == [
        f"A: toy on toys, seed 0 (done): {found.runs[0]}",
        f"B: toy{{lr=0.9}} on toys, seed 1 (done): {found.runs[1]}",
    ]
    assert row_of(shown, "a ") == ["a", "2.5", "1.25", "-1.25"]
    assert row_of(shown, "b ") == ["b", "0.123457", "0.123457", "same"]
    assert row_of(shown, "c ") == ["c", "–", "7"]
    assert row_of(shown, "d ") == ["d", "7", "–"]
    assert row_of(shown, "the same: ") == ["the", "same:", "data,", "code"]


def test_of_many_runs_that_fit_some_are_named(toys):
    grid = Grid(toys.home)
    for seed in range(6):
        grid.add_run(resolve(toys.method, toys.protocol, "smoke"), seed)
    grid.write_specs()
    with pytest.raises(UsageError, match=r"'toy-' is the beginning of 6 runs: (toy-\w+, ){3}toy-\w+ and 2 more; write"):
        find_run(toys.home, "toy-")


def test_a_narrow_terminal_cuts_nothing_off(runs, toys, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    found = difference(*(toys.home.run(key) for key in runs))
    print_difference(found.model_copy(update={"config": {"x": ("§" * 50, "¤" * 50)}}))
    shown = capsys.readouterr().out
    assert [shown.count(letter) for letter in "§¤"] == [50, 50]


def test_runs_by_what_people_call_them(toys, runs):
    grid = Grid(toys.home, label="first-try")
    plain, other = (
        grid.add_run(resolve(toys.method, toys.protocol, "smoke", settings={"lr": lr}), 2) for lr in (0.05, 0.9)
    )
    late = Grid(toys.home)
    late.add_run(resolve(toys.method, toys.protocol, "smoke"), 123456)
    for one in (grid, late):
        one.write_specs()
    assert find_run(toys.home, "first-try/toy{lr=0.9}").key == other
    assert find_run(toys.home, "first-try/toy/2").key == plain  # called so, not only of that method
    assert find_run(toys.home, "toy{lr=0.9}/1").key == runs[1]
    assert {run.key for run in find_runs(toys.home, "first-try")} == {plain, other}
    with pytest.raises(
        UsageError, match=r"'first-try' fits 2 runs: first-try, toy.* seed 2 \(toy-\w+\); .*write a key"
    ):
        find_run(toys.home, "first-try")
    for nobody in ("123456", "first-try/7", "first", ""):  # a seed alone is none, and a part of a label neither
        with pytest.raises(UsageError, match="no run under"):
            find_run(toys.home, nobody)
