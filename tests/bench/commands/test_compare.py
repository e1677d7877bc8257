import json
from types import SimpleNamespace

import pandas as pd
import pytest

from bench.base.errors import BenchError, UsageError
from bench.base.sealed import write_sealed
from bench.base.storage import write_text
from bench.commands import compare as commands
from bench.commands.compare import Comparison, compare, default_name, plan_comparison, seeds_that_fit, settle_name
from bench.compare.contenders import Entrant, Try, choose, enter
from bench.plan.grid import Grid
from bench.run.executors.local import LocalExecutor


def comparison(toys, candidate="Toy", against="NeedsTeacher", seeds=2, sweep=None, **settings):
    file = toys.method.rpartition(":")[0]
    contenders = choose(None, f"{file}:{candidate}", {}, "cut", [f"{file}:{against}"])
    entrants = enter(contenders, toys.protocol, "smoke", "equal", settings, sweep)
    name = default_name(entrants, "toys", "smoke", "equal")
    return plan_comparison(Comparison(name, "smoke", "equal", entrants, Grid(toys.home)), seeds)


def test_runs_are_made_once_and_everything_is_written(toys, capsys):
    planned = comparison(toys)
    assert planned.folder == toys.home.root / "comparisons" / "toy-vs-needs_teacher-toys-smoke"
    assert len(planned.grid.runs) == 6  # two seeds of two methods, and of the teacher that one of them needs
    assert not compare(planned, LocalExecutor(toys.home, slots=2), as_json=True)
    found = json.loads(capsys.readouterr().out)
    written = json.loads((planned.folder / "comparison.json").read_text())
    assert written.pop("seal")
    assert found == written
    assert [c["label"] for c in found["contenders"]] == ["toy", "needs-teacher"]
    files = {path.name for path in planned.folder.iterdir() if not path.name.startswith(".")}
    assert files == {
        "comparison.json", "table.md", "table.tex", "scores.csv", "differences.csv", "samples.png", "paper.tex", "paper.bib",
        "figures.json", "forest.png", "forest.svg", "intervals.png", "intervals.svg", "curves.png", "curves.svg",
    }  # fmt: skip
    scores = pd.read_csv(planned.folder / "scores.csv")
    last = scores[scores["counts"]]
    assert sorted(last["contender"]) == ["needs-teacher"] * 2 + ["toy"] * 2
    differences = pd.read_csv(planned.folder / "differences.csv")
    means = last.groupby("contender")["value"].mean()
    assert differences["difference"][0] == pytest.approx(means["toy"] - means["needs-teacher"])

    # the same command again runs nothing; a third seed adds its three runs only
    again = comparison(toys)
    assert not again.grid.unfinished()
    assert len(comparison(toys, seeds=3).grid.unfinished()) == 3


def test_another_comparison_of_the_same_name_keeps_its_folder(toys):
    first = comparison(toys)
    settle_name(first, chosen=False)
    first.findings().write(first.folder / "comparison.json", first.name)
    more, other = comparison(toys, seeds=3), comparison(toys, lr=0.9)
    settle_name(more, chosen=False)
    assert more.folder == first.folder  # more seeds of the same lose nothing
    settle_name(other, chosen=False)
    assert other.name.startswith(f"{first.name}-")
    again = comparison(toys, lr=0.9)
    settle_name(again, chosen=False)
    assert again.folder == other.folder
    fewer = comparison(toys, seeds=1)
    settle_name(fewer, chosen=False)
    assert fewer.folder != first.folder
    chosen = comparison(toys, lr=0.9)
    with pytest.raises(UsageError, match=r"--name toy-vs.* holds a comparison of other runs; choose another name"):
        settle_name(chosen, chosen=True)


def test_a_damaged_record_holds_no_name(toys):
    first = comparison(toys)
    for content in ("", "[]", "{", '{"contenders": 5}', '{"contenders": [1, {"train_keys": 2}]}'):
        write_text(first.folder / "comparison.json", content)
        settle_name(first, chosen=True)
    assert first.name == comparison(toys).name


def test_a_candidate_that_does_not_work_stops_the_rest(toys):
    planned = comparison(toys, candidate="Crash", against="Toy", stall=2.0)
    with pytest.raises(BenchError, match=r"crash fails from the start, so nothing else is run: run crash-.* SIGSEGV"):
        compare(planned, LocalExecutor(toys.home, slots=2), as_json=True)
    assert not any(toys.home.run(key).result.exists() for key in planned.keys["toy"].values())


def test_contenders_that_are_the_same_run(toys):
    entrants = comparison(toys).entrants
    twin = Entrant("twin", (Try("twin", entrants[0].resolution),))
    with pytest.raises(UsageError, match="twin and toy are the same run"):
        plan_comparison(Comparison("n", "smoke", "equal", [entrants[0], twin], Grid(toys.home)), 1)


def test_a_metric_that_the_protocol_lacks(toys):
    planned = comparison(toys)
    planned.metrics = ["FID"]
    with pytest.raises(UsageError, match="no metric of toys@1 named 'FID'"):
        plan_comparison(planned, 1)


@pytest.mark.parametrize("name", ["../elsewhere", "/tmp/elsewhere", "", ".", "a/b"])
def test_a_name_that_would_lead_out_of_the_comparisons(toys, name):
    planned = comparison(toys)
    other = Comparison(name, "smoke", "equal", planned.entrants, Grid(toys.home))
    with pytest.raises(UsageError, match=r"^--name .* may only hold letters, digits and \._-; choose another name$"):
        plan_comparison(other, 1)


def test_a_sweep_is_chosen_on_validation_images_for_everyone_alike(toys, capsys):
    planned = comparison(toys, seeds=2, sweep={"lr": [0.01, 0.3]})
    assert planned.folder.name == "toy-vs-needs_teacher-toys-smoke-sweep"
    assert set(planned.keys) == {f"{name}{{lr={lr}}}" for name in ("toy", "needs-teacher") for lr in (0.01, 0.3)}
    assert not compare(planned, LocalExecutor(toys.home, slots=2), as_json=True)
    found = json.loads(capsys.readouterr().out)
    for contender in found["contenders"]:
        tries = contender["tries"]
        assert [one["label"] for one in tries] == [f"{contender['label']}{{lr={lr}}}" for lr in (0.01, 0.3)]
        means = [sum(one["values"].values()) for one in tries]
        (chosen,) = (one for one in tries if one["is_chosen"])
        assert chosen is tries[means.index(min(means))]  # the colour's distance is better the lower it is
        assert contender["train_keys"] == chosen["train_keys"]
    # another sweep of the same contenders has a folder of its own
    other = comparison(toys, seeds=2, sweep={"lr": [0.01, 0.3, 0.5]})
    settle_name(other, chosen=False)
    assert other.folder == planned.folder  # more values of the same lose nothing
    fewer = comparison(toys, seeds=2, sweep={"lr": [0.01, 0.5]})
    settle_name(fewer, chosen=False)
    assert fewer.folder != planned.folder


def test_a_sweep_needs_validation_images(toys):
    toys.edit(data={"family": "folder", "name": "toys"})
    with pytest.raises(UsageError, match="--sweep: toys@1 has no validation images, and test images must not choose"):
        comparison(toys, sweep={"lr": [0.01, 0.3]})


def test_a_comparison_of_an_earlier_version_keeps_its_folder(toys):
    first = comparison(toys)
    content = first.findings().model_dump(mode="json")
    for name in ("order", "select_by", "spread", "difference", "rule", "rankings"):
        del content[name]
    write_sealed(first.folder / "comparison.json", "comparison", first.name, content | {"format": 2})
    more, other = comparison(toys, seeds=3), comparison(toys, lr=0.9)
    for one in (more, other):
        settle_name(one, chosen=False)
    assert more.folder == first.folder
    assert other.folder != first.folder


def test_seeds_are_chosen_once_before_the_first_result(toys, monkeypatch, capsys):
    seconds = {"each": 100.0}
    monkeypatch.setattr(
        commands,
        "run_costs",
        lambda grid, **_: {k: SimpleNamespace(expected_seconds=seconds["each"]) for k in grid.runs},
    )

    def unplanned():
        planned = comparison(toys)
        return Comparison(planned.name, "smoke", "equal", planned.entrants, Grid(toys.home))

    first = unplanned()
    assert seeds_that_fit(first, 1000, LocalExecutor(toys.home, slots=1)) == 3  # of 300 s: two, and a teacher
    assert "Stated before the first result: 3 seeds" in capsys.readouterr().err
    plan_comparison(first, 3)
    first.findings().write(first.folder / "comparison.json", first.name)
    seconds["each"] = 1.0  # what is measured later chooses no other number
    again = unplanned()
    assert seeds_that_fit(again, 1000, LocalExecutor(toys.home, slots=1)) == 3
    assert again.rule == first.rule
    seconds["each"] = 1e6
    other = Comparison("other", "smoke", "equal", comparison(toys, lr=0.9).entrants, Grid(toys.home))
    with pytest.raises(UsageError, match="2 seeds of every contender take about"):
        seeds_that_fit(other, 9, LocalExecutor(toys.home))
