"""What a run writes of itself: its result and its scores say what made them, and heal where they are damaged."""

import json
import math

import pytest
from written_records import score_content

from bench.ledger.folders import checked_result, examine, read_result, run_state
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.plugin.method import Method
from bench.run.execute import execute
from bench.run.process import ProgressFile
from bench.run.train import Stopped
from bench.schema.run_spec import write_spec


@pytest.fixture
def run(toys):
    """Do what is left of one planned run; returns its folder."""
    grid = Grid(toys.home)
    key = grid.add_run(resolve(toys.method, toys.protocol, "smoke"), 0)
    grid.write_specs()
    folder = toys.home.run(key)

    def go(stop_after=None, **changes):
        progress = ProgressFile(folder)
        if stop_after is not None:
            steps = iter(range(stop_after))
            progress.should_stop = lambda: next(steps, None) is None
        if changes:
            spec = grid.runs[key]
            write_spec(folder.spec, spec.model_copy(update={"evaluation": spec.evaluation.model_copy(update=changes)}))
        execute(toys.home, key, progress)
        return folder

    return go


@pytest.fixture
def other_code(monkeypatch):
    """From now on another version of contrastbench computes."""

    def compute(name="f" * 64):
        for module in ("records", "parts"):
            monkeypatch.setattr(f"bench.schema.{module}.code_hash", lambda: name)

    return compute


def test_a_method_measures_the_first_epoch_before_training_and_never_again(run, monkeypatch):
    seen = []
    monkeypatch.setattr(Method, "measure", lambda self, batches: seen.append([sorted(batch) for batch in batches]))
    with pytest.raises(Stopped):
        run(stop_after=2)
    assert len(seen) == 1
    assert seen[0]
    assert all(batch == ["A", "B"] for batch in seen[0])
    run()
    assert len(seen) == 1


def test_a_result_says_what_trained_it_and_what_its_losses_are(run):
    folder = run()
    result = checked_result(folder)
    assert [(part.from_step, part.to_step) for part in result.parts] == [(0, 16)]
    assert (result.codes, result.parts[0].versions, result.parts[0].threads) == ({result.code}, result.versions, 1)
    assert {"contrastbench", "numpy", "pillow", "python", "torch", "torchvision"} == set(result.versions)
    assert result.losses.rows == 16
    assert (result.seal == "", examine(folder).problems) == (False, [])


def test_scoring_by_other_code_leaves_the_result_as_it_was_and_says_so_itself(run, other_code):
    folder = run()
    before = folder.result.read_bytes()
    score = min(folder.scores.iterdir())
    score.unlink()
    other_code()
    run()
    assert folder.result.read_bytes() == before
    assert {s.made.code for s in examine(folder).scores if s.key == score.stem} == {"f" * 64}
    assert {s.made.code for s in examine(folder).scores if s.key != score.stem} == {read_result(folder).code}
    assert examine(folder).is_older_code


def test_training_in_parts_by_different_code_is_older_code(run, other_code):
    other_code("a" * 64)
    with pytest.raises(Stopped):
        run(stop_after=3)
    other_code("b" * 64)
    folder = run()
    result = read_result(folder)
    assert result.parts[-1].code == "b" * 64
    assert [part.code for part in result.parts] == ["a" * 64, "b" * 64]
    assert examine(folder).is_older_code


@pytest.mark.parametrize("change", [(b'"value": ', b'"value": 1'), (b'"done"', b'"gone"'), (b"{", b"")])
def test_a_damaged_score_is_said_and_measured_again(run, capfd, change):
    folder = run()
    score = min(folder.scores.iterdir())
    whole = score_content(score)
    score.write_bytes(score.read_bytes().replace(*change))
    assert len(examine(folder).problems) == 1
    run()
    assert score_content(score) == whole
    assert f"{score}: " in capfd.readouterr().out
    assert examine(folder).problems == []


@pytest.mark.parametrize("content", [b"", b"{}", b'{"train_seconds": NaN}', None])
def test_a_damaged_result_is_written_again(run, content):
    folder = run()
    before = read_result(folder)
    folder.result.write_bytes(
        folder.result.read_bytes().replace(b'"steps": 16', b'"steps": 17') if content is None else content
    )
    assert run_state(folder)[0] == "not run"
    run()
    after = read_result(folder)
    assert (after.steps, after.losses, after.scored_epochs) == (before.steps, before.losses, before.scored_epochs)
    assert run_state(folder) == ("done", "")


def test_a_result_is_gone_while_its_run_is_trained_again(run):
    folder = run()
    for path in folder.checkpoints.iterdir():
        path.unlink()
    with pytest.raises(Stopped):
        run(stop_after=3)
    assert not folder.result.exists()
    run()
    assert examine(folder).problems == []


def test_seconds_that_nothing_remembers_are_none(run, monkeypatch):
    folder = run()
    before = json.loads(folder.result.read_text())
    folder.result.unlink()
    for path in folder.checkpoints.glob("state-*"):
        path.unlink()
    unknown = property(lambda self: math.nan, lambda self, value: None)
    monkeypatch.setattr("bench.run.train.Session.seconds", unknown, raising=False)
    run()
    assert read_result(folder).train_seconds is None
    assert json.loads(folder.result.read_text())["steps"] == before["steps"]


def test_what_another_command_wants_is_scored_too(run):
    folder = run(scored_checkpoints=1)
    assert {(score.epoch, score.split) for score in examine(folder).scores} == {
        (2, "validation"), (2, "test"), (4, "validation"), (4, "test"),
    }  # fmt: skip


def test_progress_says_how_much_there_is_to_do(run, toys):
    folder = run()
    progress = json.loads(folder.progress.read_text())
    told = {"phase": "done", "step": 16, "total_steps": 16, "epoch": 4, "total_epochs": 4}
    assert told.items() <= progress.items()


def test_a_result_names_the_card_that_trained_and_none_where_it_was_only_written(run, monkeypatch):
    here = {"device": "cpu", "card": "a card", "driver": "570.1"}
    monkeypatch.setattr("bench.run.execute.made_on", lambda device: here)
    folder = run()
    result = read_result(folder)
    assert (result.card, result.driver, result.device) == ("a card", "570.1", "cpu")
    assert result.memory_bytes > 10**8  # torch alone
    assert {(part.device, part.threads) for part in result.parts} == {("cpu", 1)}
    folder.result.unlink()
    run()
    assert (read_result(folder).card, read_result(folder).driver) == ("", "")
    assert read_result(folder).memory_bytes is None


def test_without_validation_images_the_test_images_are_scored(run):
    """A split that a data set lacks, or that has been measured, keeps no other from being scored."""
    folder = run()
    (score,) = [score for score in examine(folder).scores if (score.epoch, score.split) == (4, "test")]
    path = folder.scores / f"{score.key}.json"
    whole = score_content(path)
    path.unlink()
    run()
    assert score_content(path) == whole
