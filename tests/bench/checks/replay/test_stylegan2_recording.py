"""Trajectories of an unconditional GAN replay through the same function as the records of single steps."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.base.errors import BenchError, UsageError
from bench.checks.replay.replay import replay
from bench.checks.replay.stylegan2_recording import is_trajectory, read_trajectory

GOLDEN = Path(__file__).parents[3] / "golden" / "stylegan2"
RECORD = GOLDEN / "traj_logistic_ns.npz"
CONFIG = {
    "adversarial_loss": "logistic", "crop_size": 32, "load_size": 32, "batch_size": 4, "channel_base": 512,
    "channel_max": 16, "z_dim": 16, "w_dim": 16, "self_attention": None, "style_mixing": 0.0, "noise": "const",
    "r1_gamma": 10.0,
}  # fmt: skip


def test_five_steps_of_the_logistic_loss() -> None:
    result = replay("dual_contrastive", CONFIG, RECORD)
    errors = result.compare(RECORD)
    assert max(errors.values()) < 1e-9
    record = read_trajectory(RECORD)
    # 5 losses and w_avg of each step; parameters and buffers of G, D and the average after the last, w_avg counted once
    assert len(errors) == 5 * 6 + sum(key.startswith("final/") for key in record) - 1
    final = {k.removeprefix("final/EMA."): v for k, v in record.items() if k.startswith("final/EMA.")}
    for name, found in result.method.networks()["G_ema"].state_dict().items():
        torch.testing.assert_close(found, final[name], rtol=1e-9, atol=1e-11)


def test_losses_in_single_precision() -> None:
    errors = replay("dual_contrastive", CONFIG, RECORD, dtype=torch.float32).compare(RECORD)
    # Adam divides by the gradient's size: where that is rounding noise, weights differ, so only losses are compared
    assert max(error for key, error in errors.items() if key.endswith(("loss_G", "loss_D"))) < 2e-4


def test_a_folder_or_a_dictionary_will_do(tmp_path: Path) -> None:
    for name in ("traj_init.safetensors", "traj_inputs.npz", "traj_logistic_ns.npz"):
        shutil.copy(GOLDEN / name, tmp_path)
    from_folder = replay("dual_contrastive", CONFIG, tmp_path, steps=1)
    record = read_trajectory(tmp_path)
    assert is_trajectory(record)
    from_dictionary = replay("dual_contrastive", CONFIG, record, steps=1)
    assert from_folder.losses.keys() == from_dictionary.losses.keys()
    assert all(torch.equal(v, from_dictionary.losses[k]) for k, v in from_folder.losses.items())
    assert max(from_folder.compare(tmp_path).values()) < 1e-9


def test_another_loss_is_another_trajectory() -> None:
    result = replay("dual_contrastive", CONFIG | {"adversarial_loss": "dual_contrastive"}, RECORD, steps=1)
    assert result.compare(RECORD)["step0/loss_G"] > 0.1


def test_missing_and_ambiguous_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds these trajectories: none"):
        read_trajectory(tmp_path)
    for name in ("traj_a.npz", "traj_b.npz"):
        np.savez(tmp_path / name, loss_G=np.zeros(1))
    with pytest.raises(UsageError, match=r"traj_a\.npz, traj_b\.npz; give the path of one of them"):
        read_trajectory(tmp_path)
    with pytest.raises(
        UsageError, match=r"traj_init\.safetensors: is missing; a trajectory needs it beside traj_a\.npz"
    ):
        read_trajectory(tmp_path / "traj_a.npz")


@pytest.mark.parametrize("name", ["traj_init.safetensors", "traj_inputs.npz", "traj_logistic_ns_final.safetensors"])
def test_a_part_of_a_trajectory_is_not_taken_for_one(name: str) -> None:
    with pytest.raises(UsageError, match=r"is a part of trajectories; give the path of traj_X\.npz"):
        replay("dual_contrastive", CONFIG, GOLDEN / name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"self_attention": 16, "san_kernel": 3},
            r"G\.synthesis\.b16\.conv1\.affine\.bias is of no network of the method",
        ),
        ({"mapping_layers": 7}, r"G\.mapping\.fc7\..* is of no network of the method"),
        ({"mapping_layers": 9}, r"G\.mapping\.fc8\.bias is missing, which the method needs"),
        ({"noise": "random"}, r"draws 'z_G\.noise' in a way that records do not hold"),
    ],
)
def test_a_configuration_of_another_size_is_named(changes: dict, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        replay("dual_contrastive", CONFIG | changes, RECORD, steps=1)


def test_averages_and_last_weights_need_not_be_recorded() -> None:
    record = read_trajectory(RECORD)
    record = {key: value for key, value in record.items() if key != "w_avg" and not key.startswith("final/")}
    errors = replay("dual_contrastive", CONFIG, record, steps=1).compare(record)
    assert len(errors) == 5
    assert max(errors.values()) < 1e-9
