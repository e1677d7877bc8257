"""Checkpoints that are not what was written, or not of this network: never taken, always said in one line.

CONTRASTBENCH_FLIPS says how many single bits are flipped (60); a thousand take about half a minute.
"""

import json
import os
import random
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from bench.base.errors import BenchError
from bench.base.hashing import file_sha256
from bench.checks.conformance.state import require_same, snapshot
from bench.checks.conformance.subject import Subject
from bench.ledger.checkpoint_files import (
    OlderState,
    Progress,
    StateRecord,
    WeightsRecord,
    read_state,
    read_weights,
    write_record,
)
from bench.run.checkpoint import Checkpoints

FLIPS = int(os.environ.get("CONTRASTBENCH_FLIPS", "60"))
RUN = "toy-1"


@pytest.fixture(scope="module")
def toy(make_toys, tmp_path_factory) -> Subject:
    return Subject.of_method(make_toys(tmp_path_factory.mktemp("toys")).method, {"crop_size": 8})


@pytest.fixture(scope="module")
def written(toy, tmp_path_factory) -> Path:
    """States after two and four steps, and the weights of an epoch."""
    folder = tmp_path_factory.mktemp("written")
    checkpoints, method = Checkpoints(folder, print, RUN), toy.build()
    for first, step in ((0, 2), (2, 4)):
        toy.train(method, first=first, stop=step)
        checkpoints.save_state(method, step, Progress(seconds=step / 2, window_rows=[{"G": 0.25}]))
    checkpoints.save_weights(method, 1, Progress(seconds=2.0))
    return folder


@pytest.fixture
def place(written, tmp_path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "checkpoints"))


def restored(toy, folder):
    """The step that is gone on from (None: from the start), what was said, and the method."""
    said = []
    method = toy.build(seed=1)
    found = Checkpoints(folder, said.append, RUN).restore_state(method)
    return (found and found[0]), said, method


def flipped(path: Path, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << (bit % 8)
    path.write_bytes(data)


def some_bits(path: Path, seed: str) -> list[int]:
    bits = 8 * path.stat().st_size
    return random.Random(seed).sample(range(bits), min(FLIPS, bits))


@pytest.mark.parametrize("half", ["json", "safetensors"])
def test_no_flipped_bit_of_a_state_is_gone_on_from(toy, written, tmp_path, half):
    name = f"state-000000004.{half}"
    expected = restored(toy, shutil.copytree(written, tmp_path / "whole"))
    assert expected[:2] == (4, [])
    for number, bit in enumerate(some_bits(written / name, name)):
        folder = Path(shutil.copytree(written, tmp_path / str(number)))
        flipped(folder / name, bit)
        step, said, _ = restored(toy, folder)
        assert (step, len(said)) == (2, 1), f"bit {bit}"
        assert said[0].startswith(str(folder / "state-000000004")), said
        assert said[0].endswith("; using the one before it")
        assert "\n" not in said[0]


@pytest.mark.parametrize("half", ["json", "safetensors"])
def test_no_flipped_bit_of_weights_is_scored(toy, written, tmp_path, half):
    name = f"epoch-000001.{half}"
    for number, bit in enumerate(some_bits(written / name, name)):
        folder = Path(shutil.copytree(written, tmp_path / str(number)))
        flipped(folder / name, bit)
        said = []
        checkpoints = Checkpoints(folder, said.append, RUN)
        with pytest.raises(BenchError, match="epoch-000001"):
            checkpoints.load_weights(toy.build(seed=1), 1)
        assert not checkpoints.has_weights(1), f"bit {bit}"
        assert len(said) == 1


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    content=st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
            max_leaves=12,
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_whatever_is_in_place_of_a_half_is_one_line(toy, written, tmp_path_factory, content):
    for half in ("json", "safetensors"):
        folder = Path(shutil.copytree(written, tmp_path_factory.mktemp("fuzzed") / "checkpoints"))
        (folder / f"state-000000004.{half}").write_bytes(content)
        step, said, _ = restored(toy, folder)
        assert (step, len(said)) == (2, 1)
        (folder / f"epoch-000001.{half}").write_bytes(content)
        with pytest.raises(BenchError):
            Checkpoints(folder, print, RUN).load_weights(toy.build(seed=1), 1)


def resealed(folder: Path, change) -> None:
    """Change the newest state's tensors and fields, and seal it as if that were what training had saved."""
    record = read_state(folder, 4, RUN)
    path = folder / "state-000000004.safetensors"
    tensors = load_file(path)
    fields = change(tensors)
    fields = {"tensors": sorted(tensors)} | (fields if isinstance(fields, dict) else {})
    save_file(tensors, path)
    write_record(folder, record.model_copy(update={"sha256": file_sha256(path)} | fields))


NAME = "method/netG.weight"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.update({NAME: torch.ones(4, 3, 1, 1)}), "tensor netG.weight has the shape (4, 3, 1, 1), and the "),
        (
            lambda t: t.update({NAME: t[NAME].double()}),
            "tensor netG.weight is torch.float64, and the method's is torch.",
        ),
        (lambda t: t.update({NAME: (t[NAME] * 100).to(torch.uint8)}), "tensor netG.weight is torch.uint8"),
        (lambda t: t.update({NAME: t[NAME] * float("nan")}), "tensor method/netG.weight is not finite"),
        (lambda t: [t.update({NAME: t[NAME] / 0}), {"non_finite": [NAME]}][1], "tensor netG.weight is not finite"),
        (lambda t: t.pop(NAME), "lacks tensor netG.weight (1 differ): it is of another network"),
        (lambda t: t.update({"method/netH.weight": torch.ones(1)}), "tensor netH.weight (1 differ)"),
        (lambda t: t.update({"other": torch.ones(1)}), "tensor other belongs to nothing"),
        (lambda t: t.update({"method/average": torch.ones(7)}), "size mismatch for average"),
        (lambda t: t.pop("optimizer/G/0/exp_avg"), "tensor optimizer/G/0/exp_avg is missing"),
        (lambda t: t.update({"optimizer/G/0/exp_avg": torch.full((3, 3, 1, 1), torch.inf)}), "exp_avg is not finite"),
        (lambda t: {"tensors": []}, "holds tensor method/average, which its JSON half says otherwise"),
        (lambda t: {"tensors": [*t, "z"]}, "lacks tensor z, which its JSON half says otherwise"),
        (lambda t: {"optimizers": {}}, "optimizers none, and the method has G"),
        (lambda t: {"schedulers": {}}, "which are not the method's"),
        (lambda t: {"schedulers": {"G": {"last_epoch": "3"}}}, "scheduler G: "),
    ],
)
def test_a_sealed_state_of_something_else_is_refused_by_file_and_tensor(toy, place, change, words):
    resealed(place, change)
    step, said, _ = restored(toy, place)
    assert (step, len(said)) == (2, 1)
    assert said[0].startswith(f"{place / 'state-000000004.safetensors'}: ")
    assert words in said[0]


def test_a_state_that_is_refused_leaves_the_method_as_it_was(toy, place):
    resealed(place, lambda tensors: tensors.update({"method/average": torch.ones(7)}))
    for path in place.glob("state-000000002*"):
        path.unlink()
    step, said, method = restored(toy, place)
    assert (step, len(said)) == (None, 1)
    require_same(snapshot(toy.build(seed=1)), snapshot(method), "changed")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"step": "4"}, "step: Input should be a valid integer"),
        ({"step": True}, "step: Input should be a valid integer"),
        ({"format": 3}, "format: Input should be"),
        ({"surprise": 1}, "surprise: unknown key"),
        ({"run": "toy-2"}, "it is of run toy-2, not toy-1"),
        ({"step": 3}, "it is of step 3, and its name says 4"),
        ({"progress": {"seconds": -1.0}}, "progress.seconds: Input should be greater than or equal to 0"),
        ({"progress": {"seconds": float("nan")}}, "progress.seconds: Input should be"),
    ],
)
def test_a_sealed_field_of_another_kind_is_named(toy, place, changes, words):
    from bench.ledger.checkpoint_files import _seal, _text

    path = place / "state-000000004.json"
    content = json.loads(path.read_text()) | changes
    content.pop("seal")
    path.write_text(_text(content | {"seal": _seal(content)}))
    step, said, _ = restored(toy, place)
    assert (step, len(said)) == (2, 1)
    assert said[0].startswith(f"{path}: ")
    assert words in said[0]


def test_weights_of_another_network_are_refused_by_file_and_tensor(toy, place):
    path = place / "epoch-000001.safetensors"
    save_file(load_file(path) | {"netG.weight": torch.ones(3, 9, 1, 1)}, path)
    record = read_weights(place, 1, RUN)
    write_record(place, record.model_copy(update={"sha256": file_sha256(path)}))
    with pytest.raises(
        BenchError, match=r"epoch-000001\.safetensors: tensor netG\.weight has the shape \(3, 9, 1, 1\)"
    ):
        Checkpoints(place, print, RUN).load_weights(toy.build(), 1)
    path.unlink()
    os.mkfifo(path)  # reading it would wait for ever
    with pytest.raises(BenchError, match="is incomplete"):
        Checkpoints(place, print, RUN).load_weights(toy.build(), 1)


def test_of_an_earlier_version_weights_are_taken_and_states_refused(toy, place):
    for path in place.glob("*.json"):
        record = json.loads(path.read_text())
        keys = ("epoch",) if path.name.startswith("epoch") else ("step", "progress", "optimizers", "schedulers")
        state = {key: record[key] for key in keys}
        path.write_text(json.dumps({"sha256": record["sha256"], "state": state}, indent=1, sort_keys=True) + "\n")
    checkpoints = Checkpoints(place, print, RUN)
    method = toy.build(seed=1)
    checkpoints.load_weights(method, 1)
    require_same(load_file(place / "epoch-000001.safetensors"), dict(method.state_dict()), "weights")
    assert checkpoints.has_weights(1)
    assert checkpoints.progress(1) == Progress()
    with pytest.raises(OlderState, match=r"state-000000004\.json: an earlier version .* or remove the run's folder"):
        checkpoints.restore_state(method)
    assert len(list(place.glob("state-*"))) == 4  # nothing is removed that another version can read


def test_a_mask_of_infinities_is_saved_and_comes_back(toy, tmp_path):
    method, other = toy.build(), toy.build(seed=1)
    for one, value in ((method, -torch.inf), (other, 0.0)):
        one.register_buffer("mask", torch.full((3,), value))
    checkpoints = Checkpoints(tmp_path, print, RUN)
    checkpoints.save_state(method, 1, Progress())
    assert checkpoints.restore_state(other) == (1, Progress())
    assert torch.equal(other.mask, method.mask)


def test_names_that_are_no_checkpoints_are_left_alone(toy, place):
    for name in ("state-x.json", "state-1.json", "state-000000004 (1).json", "state-٣٣٣٣٣٣٣٣٣.json"):
        (place / name).write_text("{}")
    assert restored(toy, place)[:2] == (4, [])


def test_records_know_their_names():
    progress = Progress()
    state = StateRecord(run=RUN, sha256="", step=7, progress=progress, optimizers={}, schedulers={})
    assert state.name == "state-000000007"
    assert WeightsRecord(run=RUN, sha256="", epoch=7).name == "epoch-000007"
