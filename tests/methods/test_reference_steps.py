"""Steps of FastCUT, NEGCUT, FastNEGCUT and SRC + hDCE, recorded by an independent implementation and replayed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from reference_networks import CONFIG
from reference_records import record_fastcut, record_negcut, record_src
from torch import Tensor

from bench.base.errors import BenchError
from bench.checks.replay.replay import replay
from methods.losses.negcut import NEGCUTLoss

RECORDS = {
    "fastcut": record_fastcut,
    "negcut": lambda: record_negcut(fast=False),
    "fastnegcut": lambda: record_negcut(fast=True),
    "src_hdce": record_src,
}
EPOCH = {"src_hdce": 5}


@pytest.fixture(scope="module")
def recorded():
    made: dict[str, dict[str, Tensor]] = {}

    def get(method: str) -> dict[str, Tensor]:
        if method not in made:
            made[method] = RECORDS[method]()
        return made[method]

    return get


def before_a_norm(key: str) -> bool:
    """Whether a weight is a bias which a normalisation removes: its gradient is zero but for rounding."""
    network, number, kind = key.split("/")[1].split(".")
    ends = {"G": (47,), "D": (1, 9)}.get(network, ())
    return kind == "bias" and bool(ends) and int(number) not in ends


def errors_by_kind(errors: dict[str, float]) -> dict[str, float]:
    """The largest error of losses and images, of gradients and of weights; of biases before a norm apart."""
    found: dict[str, float] = {}
    for key, error in errors.items():
        kind = key.partition("step")[0].rstrip("_") or "output"
        if kind != "output" and before_a_norm(key):
            kind = f"vanishing {kind}"
        found[kind] = max(found.get(kind, 0.0), error)
    return found


@pytest.mark.parametrize(("method", "losses"), [("fastcut", 6), ("negcut", 10), ("fastnegcut", 9), ("src_hdce", 8)])
def test_two_steps(recorded, method: str, losses: int) -> None:
    record = recorded(method)
    result = replay(method, CONFIG, record, epoch=EPOCH.get(method, 1))
    assert sum(key.startswith("step0/loss_") for key in record) == losses
    relative = errors_by_kind(result.compare(record, floor=1e-300))
    assert relative["output"] < 1e-11
    assert relative["grad"] < 1e-9
    assert relative["after"] < 1e-9
    absolute = errors_by_kind(result.compare(record))
    assert absolute["vanishing grad"] < 1e-8
    assert absolute["vanishing after"] < 1e-8  # Adam makes lr * 1e-16 / 1e-8 of a gradient's last digit


@pytest.mark.parametrize("method", ["fastcut", "negcut", "src_hdce"])
def test_a_file_and_the_plainest_call_will_do(recorded, tmp_path: Path, method: str) -> None:
    record = dict(recorded(method)) | {"meta/torch": torch.tensor([2, 13]), "step0/loss_unheard_of": torch.zeros(1)}
    path = tmp_path / f"trainstep_{method}.npz"
    np.savez(path, **{key: value.numpy() for key, value in record.items()})
    if method in EPOCH:
        with pytest.raises(BenchError, match="src_hdce changes with the epochs"):
            replay(method, CONFIG, path)
        np.savez(path, epoch=EPOCH[method], **{key: value.numpy() for key, value in record.items()})
    result = replay(method, CONFIG, str(path))
    assert result.unknown(path) == ["meta/torch", "step0/loss_unheard_of"]
    errors = result.compare(path)
    assert errors.pop("step0/loss_unheard_of") == float("inf")
    assert max(errors.values()) < 1e-8
    assert f"{method} has no step0/loss_unheard_of" in result.summary(path).splitlines()


def test_without_a_curriculum_the_epoch_does_not_matter(recorded) -> None:
    options = CONFIG | {"loss_options": {"curriculum": False}}
    first, fifth = (replay("src_hdce", options, recorded("src_hdce"), steps=1, epoch=e) for e in (None, 5))
    assert first.losses["step0/loss_hDCE"] == fifth.losses["step0/loss_hDCE"]


@pytest.mark.parametrize("method", ["negcut", "src_hdce"])
def test_single_precision_is_close(recorded, method: str) -> None:
    record = recorded(method)
    result = replay(method, CONFIG, record, epoch=EPOCH.get(method), steps=1, dtype=torch.float32)
    relative = {key: e for key, e in result.compare(record).items() if not key.startswith("after_")}
    # biases before a norm have gradients that are all rounding
    assert max(e for key, e in relative.items() if not (key.startswith("grad_") and before_a_norm(key))) < 2e-4


@pytest.mark.parametrize(
    ("method", "key", "wrong"),
    [
        ("negcut", "grad_step0/N.000.weight", {"loss_options": {"lambda_div": 0.0}}),
        ("negcut", "after_step0/F_.000.weight", {"loss_options": {"ema_decay": 0.999}}),
        ("negcut", "step0/loss_G", {"lambda_NCE": 2.0}),
        ("fastnegcut", "grad_step0/N.000.weight", {"loss_options": {"lambda_N": 1.0}}),
        ("src_hdce", "grad_step0/G.000.weight", {"loss_options": {"variant": "paper"}}),
        ("src_hdce", "grad_step0/G.000.weight", {"loss_options": {"Hneg": False}}),
        ("src_hdce", "grad_step0/G.000.weight", {"loss_options": {"curriculum": False}}),
        ("src_hdce", "step0/loss_SRC", {"loss_options": {"lambda_SRC": 0.1}}),
    ],
)
def test_records_tell_settings_apart(recorded, method: str, key: str, wrong: dict) -> None:
    record = recorded(method)
    errors = replay(method, CONFIG | wrong, record, epoch=EPOCH.get(method, 1), steps=1).compare(record)
    assert errors[key] > 1e-6


def test_gradients_through_the_negatives_are_seen(recorded, monkeypatch) -> None:
    """The released code does not detach them; detaching changes G's gradient little, and no loss."""
    monkeypatch.setattr(NEGCUTLoss, "needs_key_graph", False)
    record = recorded("negcut")
    errors = replay("negcut", CONFIG, record, steps=1).compare(record)
    assert errors["step0/loss_G"] < 1e-11
    assert 1e-5 < errors["grad_step0/G.000.weight"] < 1
    assert errors["grad_step0/F.000.weight"] < 1e-9
