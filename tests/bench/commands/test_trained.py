"""Which runs and checkpoints may be used: finished ones, whose weights are there and whose code was named."""

from pathlib import Path

import pytest
import torch
from finished_runs import finish

from bench.base.errors import NotAvailable, UsageError
from bench.commands.trained import Finished, Trained
from bench.ledger.checkpoint_files import drop_weights, read_weights
from bench.plugin.named import VARIABLE


@pytest.fixture
def run(toys):
    """A finished run of the toy method."""
    return finish(toys, toys.method)


def test_every_kept_checkpoint_is_there_and_no_other(run):
    kept = run.kept_epochs()
    assert kept[-1] == 4
    assert run.epoch("last") == 4
    assert run.epoch(str(kept[0])) == kept[0]
    assert {run.epoch("best-on-test"), run.epoch("best-on-validation")} <= set(kept)
    with pytest.raises(
        UsageError, match=r"--checkpoint 3: run toy-\w+ has no good weights of epoch 3; it has those of: "
    ):
        run.epoch("3")
    with pytest.raises(UsageError, match=r"no checkpoint named 'lst'; did you mean last\?"):
        run.epoch("lst")


def test_weights_that_went_say_so(run):
    drop_weights(run.folder.checkpoints, read_weights(run.folder.checkpoints, 4, run.folder.key), "--keep none")
    with pytest.raises(NotAvailable, match=r"the checkpoint of epoch 4 is gone \(--keep none\)"):
        run.epoch("last")
    assert 4 not in run.kept_epochs()


def test_a_checkpoint_that_was_not_measured_is_none(run):
    for path in run.folder.scores.iterdir():
        path.unlink()
    with pytest.raises(
        UsageError, match=r"--checkpoint best-on-test: .* is not measured on such images at every checkpoint"
    ):
        run.epoch("best-on-test")


def test_a_method_with_the_weights_of_a_checkpoint(run):
    trained = Trained.load(run, "last", "cpu")
    record = read_weights(run.folder.checkpoints, 4, run.folder.key)
    assert (trained.epoch, trained.sha256, trained.networks) == (4, record.sha256, record.networks)
    assert torch.get_num_threads() == run.spec.threads


def test_the_users_file_of_a_run_has_to_be_named_and_the_recorded_one(toys, tmp_path, monkeypatch):
    file = tmp_path / "mine.py"
    file.write_text(Path(toys.method.rpartition(":")[0]).read_text())
    monkeypatch.setenv(VARIABLE, f"{file}\n{Path(toys.protocol.select_by.rpartition(':')[0]).resolve()}")
    key = finish(toys, f"{file}:Toy").folder.key
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(UsageError, match=r"runs this file; if you trust it, say so: --method .*mine\.py:Toy"):
        Finished.find(toys.home, key, {})
    assert Finished.find(toys.home, key, {"method": f"{file}:Toy"}).spec.method == f"{file}:Toy"
    other = tmp_path / "other.py"
    other.write_text(file.read_text() + "\n# another\n")
    with pytest.raises(UsageError, match=r"--method .*other\.py:Toy: its sha256 is "):
        Finished.find(toys.home, key, {"method": f"{other}:Toy"})


def test_an_unfinished_run_is_refused(toys, run):
    run.folder.result.unlink()
    with pytest.raises(UsageError, match=r"is not finished; finish it first: contrastbench run toy-"):
        Finished.find(toys.home, run.folder.key, {})


def test_the_device_of_the_run_is_asked_for_unless_another_is(run, monkeypatch):
    assert run.device(None) == run.device("cpu") == "cpu"
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    on_card = Finished(run.folder, run.spec.model_copy(update={"device": "cuda"}))
    assert on_card.device("cpu") == "cpu"
    with pytest.raises(NotAvailable, match="was made on cuda, which is not here; --device cpu does without"):
        on_card.device(None)
