import json

import pytest

from bench.base.errors import UsageError
from bench.commands.train import plan_training, train
from bench.plan.grid import Grid
from bench.run.executors.local import LocalExecutor


def planned(toys, seeds=1, **settings):
    return plan_training(Grid(toys.home), toys.method, toys.protocol, "smoke", seeds, settings)


def test_one_method_is_trained_scored_and_shown(toys, capsys):
    training = planned(toys, seeds=2)
    assert not train(training, LocalExecutor(toys.home, slots=2), as_json=True)
    captured = capsys.readouterr()
    runs = json.loads(captured.out)
    assert [(run["seed"], run["state"], run["epoch"]) for run in runs] == [(0, "done", 4), (1, "done", 4)]
    (metric,) = runs[0]["scores"]
    assert runs[0]["scores"][metric] != runs[1]["scores"][metric]
    assert training.sheet.is_file()
    assert training.sheet.name == "toy-toys-smoke.png"

    again = planned(toys, seeds=2)
    assert not again.grid.unfinished()
    assert not train(again, LocalExecutor(toys.home, slots=1), as_json=False)
    text = capsys.readouterr().out
    assert "2 done already, 0 to do" in text
    assert "toy on toys@1, scale smoke, checkpoint last" in text


def test_a_run_that_fails_is_said_and_shown(toys, capsys):
    training = planned(toys, explode_at=1)
    assert train(training, LocalExecutor(toys.home, slots=1), as_json=True)
    captured = capsys.readouterr()
    (run,) = json.loads(captured.out)
    assert run["state"] == "failed"
    assert "seed 0 failed: " in captured.err
    assert not training.sheet.exists()


def test_a_setting_that_the_method_lacks_is_named(toys):
    with pytest.raises(UsageError, match="no setting of toy named 'explod_at'; did you mean explode_at"):
        planned(toys, explod_at=1)
