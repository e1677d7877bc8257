import errno
import json

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.optim.lr_scheduler import LambdaLR

from bench.base.errors import BenchError
from bench.checks.conformance.state import require_same, snapshot
from bench.checks.conformance.subject import Subject
from bench.ledger.checkpoint_files import KEPT_STATES, Progress
from bench.run.checkpoint import Checkpoints


@pytest.fixture
def toy(toys) -> Subject:
    return Subject.of_method(toys.method, {"crop_size": 8})


@pytest.fixture
def reports() -> list[str]:
    return []


@pytest.fixture
def checkpoints(tmp_path, reports) -> Checkpoints:
    return Checkpoints(tmp_path / "checkpoints", reports.append, "toy-1")


def saved(toy, checkpoints, *steps):
    """Train to each of the steps in turn and save there; the method as it ended."""
    method, at = toy.build(), 0
    for step in steps:
        toy.train(method, first=at, stop=step)
        checkpoints.save_state(method, step, Progress(seconds=step / 2))
        at = step
    return method


def names(checkpoints) -> list[str]:
    return sorted(path.name for path in checkpoints.folder.iterdir())


def test_networks_buffers_optimizers_and_schedulers_come_back_bit_for_bit(toy, checkpoints):
    method = saved(toy, checkpoints, 3)
    other = toy.build(seed=1)
    assert checkpoints.restore_state(other) == (3, Progress(seconds=1.5))
    require_same(snapshot(method), snapshot(other), "restored")
    assert other.schedulers()["G"].get_last_lr() == method.schedulers()["G"].get_last_lr() != [0.05 * 0.9**9]


@pytest.mark.parametrize("make", [
    lambda p: torch.optim.Adam(p, 0.1, betas=(0.5, 0.99), amsgrad=True),
    lambda p: torch.optim.Adam(p, 0.1, fused=True),
    lambda p: torch.optim.SGD(p, 0.1, momentum=0.9),
    lambda p: torch.optim.RMSprop(p, 0.1, centered=True),
    lambda p: torch.optim.AdamW([{"params": [q], "lr": 0.1 * (i + 1)} for i, q in enumerate(p)]),
])  # fmt: skip
def test_any_optimizers_state_comes_back(toy, checkpoints, make):
    method, other = toy.build(), toy.build(seed=1)
    for one in (method, other):
        one.optimizer = make(list(one.netG.parameters()))
        one.scheduler = LambdaLR(one.optimizer, lambda epoch: 1 - epoch / 10)
    toy.train(method, stop=3)
    checkpoints.save_state(method, 3, Progress())
    checkpoints.restore_state(other)
    require_same(snapshot(method), snapshot(other), "restored")
    toy.train(method, first=3)
    toy.train(other, first=3)
    require_same(snapshot(method), snapshot(other), "one step later")


def test_tensors_that_share_memory_are_saved(toy, checkpoints):
    method = toy.build()
    method.register_buffer("alias", method.netG.weight.detach())
    checkpoints.save_weights(method, 1)
    other = toy.build(seed=1)
    other.register_buffer("alias", torch.zeros_like(method.netG.weight))
    checkpoints.load_weights(other, 1)
    assert torch.equal(other.alias, method.netG.weight)


def test_only_the_newest_states_are_kept(toy, checkpoints):
    saved(toy, checkpoints, 1, 2, 3, 4)
    kept = [f"state-{step:09d}.{end}" for step in (3, 4) for end in ("json", "safetensors")]
    assert names(checkpoints) == kept
    assert len(kept) == 2 * KEPT_STATES


def test_there_is_nothing_to_restore_at_first(toy, checkpoints):
    assert checkpoints.restore_state(toy.build()) is None
    assert not checkpoints.has_weights(1)


def damage(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (damage, "is damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:100]), "is damaged"),
        (lambda path: path.unlink(), "is incomplete"),
        (lambda path: path.with_suffix(".json").write_text("{}"), "is damaged"),
        (lambda path: path.with_suffix(".json").write_text('{"sha256": "0'), "is damaged"),
        (lambda path: path.with_suffix(".json").write_text("[" * 100_000), "is damaged"),
    ],
)
def test_a_damaged_state_is_reported_removed_and_the_one_before_it_used(toy, checkpoints, reports, harm, words):
    saved(toy, checkpoints, 2, 4)
    newest = checkpoints.folder / "state-000000004.safetensors"
    harm(newest)
    assert checkpoints.restore_state(toy.build())[0] == 2
    (line,) = reports
    assert line.startswith((f"{newest}: checkpoint {words}", f"{newest.with_suffix('.json')}: checkpoint {words}"))
    assert line.endswith("using the one before it")
    assert not any("000000004" in name for name in names(checkpoints))


def test_if_every_state_is_damaged_training_starts_anew(toy, checkpoints, reports):
    saved(toy, checkpoints, 2, 4)
    for path in checkpoints.folder.glob("*.safetensors"):
        damage(path)
    assert checkpoints.restore_state(toy.build()) is None
    assert len(reports) == 2


def test_a_pair_whose_second_half_was_never_written_does_not_count(toy, checkpoints, reports):
    saved(toy, checkpoints, 2)
    (checkpoints.folder / "state-000000004.safetensors").write_bytes(b"half")
    assert checkpoints.restore_state(toy.build())[0] == 2
    assert reports == []


def test_weights_of_an_epoch(toy, checkpoints, reports):
    method = saved(toy, checkpoints, 4)
    checkpoints.save_weights(method, 2)
    other = toy.build(seed=1)
    checkpoints.load_weights(other, 2)
    require_same(dict(method.state_dict()), dict(other.state_dict()), "weights")
    assert set(load_file(checkpoints.folder / "epoch-000002.safetensors")) == set(method.state_dict())
    assert checkpoints.has_weights(2)
    with pytest.raises(BenchError, match=r"epoch-000003\.json: checkpoint is incomplete"):
        checkpoints.load_weights(other, 3)
    damage(checkpoints.folder / "epoch-000002.safetensors")
    with pytest.raises(BenchError, match=r"epoch-000002\.safetensors: checkpoint is damaged"):
        checkpoints.load_weights(other, 2)
    assert not checkpoints.has_weights(2)
    assert "it will be made again" in reports[0]


def test_states_beyond_a_step_are_forgotten(toy, checkpoints):
    saved(toy, checkpoints, 2, 4)
    checkpoints.forget_states_after(3)
    assert checkpoints.restore_state(toy.build())[0] == 2


def test_nothing_is_pickled(toy, checkpoints):
    saved(toy, checkpoints, 2)
    for path in checkpoints.folder.iterdir():
        assert path.suffix in (".json", ".safetensors")
        if path.suffix == ".json":
            assert {"sha256", "seal", "run", "step"} <= set(json.loads(path.read_text()))


def test_a_full_disk_keeps_the_state_before_and_says_so(toy, checkpoints, monkeypatch):
    method = saved(toy, checkpoints, 2)

    def full(*_):
        # what safetensors 0.8 raises when the disk is full; no OSError
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("bench.run.checkpoint.save_file", full)
    with pytest.raises(BenchError, match=r"state-000000003\.safetensors: cannot be written: the disk is full"):
        checkpoints.save_state(method, 3, Progress())
    assert names(checkpoints) == ["state-000000002.json", "state-000000002.safetensors"]


def test_safetensors_still_says_the_operating_systems_number(tmp_path):
    with pytest.raises(SafetensorError, match=rf"os error {errno.ENOENT}\)"):
        save_file({"a": torch.zeros(1)}, tmp_path / "no such folder" / "a")


def test_a_state_at_the_very_step_is_not_forgotten(toy, checkpoints):
    saved(toy, checkpoints, 2, 4)
    checkpoints.forget_states_after(4)
    assert checkpoints.restore_state(toy.build())[0] == 4
    checkpoints.forget_states_after(2)
    assert checkpoints.restore_state(toy.build())[0] == 2


def test_another_rank_takes_the_state_that_it_is_told_and_deletes_none(toy, checkpoints):
    trained = saved(toy, checkpoints, 1, 2)
    before, other = names(checkpoints), toy.build()
    checkpoints.take_state(other, 2)
    require_same(snapshot(trained), snapshot(other), "state")
    with pytest.raises(BenchError):
        checkpoints.take_state(other, 3)
    assert names(checkpoints) == before


def test_of_the_weights_of_an_epoch_only_the_networks_that_make_images_are_kept(toy, checkpoints, monkeypatch):
    method = toy.build()
    monkeypatch.setattr(type(method), "kept_networks", ("netG",))
    checkpoints.save_weights(method, 1)
    assert set(load_file(checkpoints.folder / "epoch-000001.safetensors")) == {"netG.weight", "netG.bias"}
    other = toy.build(seed=1)
    checkpoints.load_weights(other, 1)
    assert torch.equal(other.netG.weight, method.netG.weight)
    with pytest.raises(BenchError, match="holds netG alone"):
        checkpoints.load_weights(other, 1, whole=True)
    monkeypatch.setattr(type(method), "kept_networks", ("netG", "netH"))
    with pytest.raises(BenchError, match="kept_networks names netH, of which it has no tensors"):
        checkpoints.save_weights(method, 1)
