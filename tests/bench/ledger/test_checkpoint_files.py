"""The JSON half of a checkpoint alone; with its tensors it is in tests/bench/run/test_damaged_checkpoints.py."""

import hashlib
import json

import pytest

from bench.base.errors import BenchError
from bench.base.home import RunFolder
from bench.ledger.checkpoint_files import (
    OlderState,
    Progress,
    StateRecord,
    WeightsRecord,
    drop_weights,
    dropped_by,
    gone,
    read_state,
    read_weights,
    write_record,
)

DIGEST = "0" * 64
WEIGHTS = WeightsRecord(run="cut-1", sha256=DIGEST, tensors=["netG.weight"], epoch=2, progress=Progress(seconds=2.5))
STATE = StateRecord(
    run="cut-1",
    sha256=DIGEST,
    tensors=[],
    step=7,
    progress=Progress(),
    optimizers={},
    schedulers={"G": {"last_epoch": 1}},
)


@pytest.fixture
def folder(tmp_path):
    write_record(tmp_path, WEIGHTS)
    write_record(tmp_path, STATE)
    return tmp_path


def write(path, content, **changes):
    """As a run writes it, with a seal that fits, unless the changes hold another."""
    content = {k: v for k, v in (content | changes).items() if k != "seal"}
    seal = hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    path.write_text(json.dumps(content | {"seal": seal} | changes, indent=1, sort_keys=True) + "\n")


def test_what_is_written_comes_back(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["epoch-000002.json", "state-000000007.json"]
    assert read_weights(folder, 2, "cut-1") == WEIGHTS
    assert read_state(folder, 7, "cut-1") == STATE
    assert Progress().seconds == 0.0


def test_a_file_says_whose_it_is(folder):
    (folder / "epoch-000002.json").rename(folder / "epoch-000003.json")
    (folder / "state-000000007.json").rename(folder / "state-000000008.json")
    with pytest.raises(BenchError, match=r"epoch-000003\.json: .*damaged \(it is of epoch 2, and its name says 3\)"):
        read_weights(folder, 3, "cut-1")
    with pytest.raises(BenchError, match=r"epoch-000003\.json: .*damaged \(it is of run cut-1, not cut-2\)"):
        read_weights(folder, 3, "cut-2")
    with pytest.raises(BenchError, match=r"state-000000008\.json: .*damaged \(it is of step 7, and its name says 8\)"):
        read_state(folder, 8, "cut-1")
    with pytest.raises(BenchError, match=r"state-000000008\.json: .*damaged \(it is of run cut-1, not cut-2\)"):
        read_state(folder, 8, "cut-2")
    with pytest.raises(BenchError, match=r"epoch-000009\.json: checkpoint is incomplete"):
        read_weights(folder, 9, "cut-1")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("2.5", "2.25"), "its seal differs"),
        (lambda text: text.replace("\n ", "\n  "), "it is not as it was written"),
        (lambda text: text + " ", "it is not as it was written"),
        (lambda text: "[1]\n", "it is no JSON object"),
        (lambda text: text[:-3], "it is no JSON"),
    ],
)
def test_a_half_that_is_not_what_was_written_is_named(folder, change, words):
    path = folder / "epoch-000002.json"
    path.write_text(change(path.read_text()))
    with pytest.raises(BenchError) as raised:
        read_weights(folder, 2, "cut-1")
    assert str(raised.value) == f"{path}: checkpoint is damaged ({words})"


def test_a_sealed_half_of_another_shape_is_named(folder):
    path = folder / "epoch-000002.json"
    write(path, json.loads(path.read_text()))
    assert read_weights(folder, 2, "cut-1") == WEIGHTS
    for changes, key in (({"epoch": 0}, "epoch"), ({"networks": "netG"}, "networks"), ({"extra": 1}, "extra")):
        write(path, WEIGHTS.model_dump(mode="json"), **changes)
        with pytest.raises(BenchError, match=rf"epoch-000002\.json: checkpoint is wrong: {key}"):
            read_weights(folder, 2, "cut-1")
    write(path, WEIGHTS.model_dump(mode="json"), seal=None)
    with pytest.raises(BenchError, match="its seal differs"):
        read_weights(folder, 2, "cut-1")


def test_an_earlier_format_is_read_where_nothing_but_tensors_was_said(tmp_path):
    def old(name, state, **more):
        content = {"sha256": DIGEST, "state": state, **more}
        (tmp_path / name).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")

    old("epoch-000002.json", {"epoch": 2})
    found = read_weights(tmp_path, 2, "cut-1")
    assert (found.format, found.run, found.sha256, found.epoch) == (1, "cut-1", DIGEST, 2)
    assert (found.tensors, found.progress, found.dropped) == (None, None, "")
    old("epoch-000002.json", {"epoch": "two"})
    with pytest.raises(BenchError, match=r"epoch-000002\.json: epoch.*: checkpoint is damaged"):
        read_weights(tmp_path, 2, "cut-1")
    for state, more in (({"epoch": 2, "x": 1}, {}), ({"epoch": 2}, {"x": 1})):  # neither format
        old("epoch-000002.json", state, **more)
        with pytest.raises(BenchError, match="its seal differs"):
            read_weights(tmp_path, 2, "cut-1")
    old("state-000000007.json", {"step": 7, "progress": {}, "optimizers": {}, "schedulers": {}})
    with pytest.raises(OlderState, match=r"state-000000007\.json: an earlier version .* remove the run's folder"):
        read_state(tmp_path, 7, "cut-1")


def test_weights_that_go_leave_what_they_were_and_why(tmp_path):
    run = RunFolder(tmp_path / "cut-1")
    write_record(run.checkpoints, WEIGHTS.model_copy(update={"format": 1}))
    tensors = run.checkpoints / "epoch-000002.safetensors"
    tensors.write_bytes(b"tensors")
    assert dropped_by(run, 2) == gone(run, 2) == ""
    drop_weights(run.checkpoints, read_weights(run.checkpoints, 2, "cut-1"), "--keep last")
    assert not tensors.exists()
    assert read_weights(run.checkpoints, 2, "cut-1") == WEIGHTS.model_copy(update={"dropped": "--keep last"})
    assert dropped_by(run, 2) == "--keep last"
    assert gone(run, 2).startswith("the checkpoint of epoch 2 is gone (--keep last); train again in another --home")
    assert dropped_by(run, 3) == gone(run, 3) == ""
    drop_weights(run.checkpoints, read_weights(run.checkpoints, 2, "cut-1"), "--keep none")  # it may be gone already
