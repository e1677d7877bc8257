from __future__ import annotations

import pytest
import torch

from bench.checks.replay.replay import replay
from methods.cut import CUT

CONFIG = {"ngf": 4, "ndf": 4, "netF_nc": 32, "num_patches": 64}


def before_a_norm(key: str) -> bool:
    """Whether a recorded gradient is that of a bias which a normalisation removes: zero but for rounding."""
    network, number, kind = key.split("/")[1].split(".")
    last = {"G": 47, "D": 9}.get(network[0])
    return kind == "bias" and last is not None and int(number) != last and key.split("/")[1] != "D.001.bias"


def test_two_reference_steps(recorded_steps) -> None:
    record = recorded_steps("cut")
    result = replay("cut", CONFIG, record)
    errors = result.compare(record)
    assert len(errors) == 2 * (7 + 2) + 3 * (48 + 10 + 20)
    assert max(errors.values()) < 1e-8
    # gradients tell errors of scale that Adam hides; here without the floor that rounding noise needs
    strict = result.compare(record, floor=1e-300)
    gradients = {key: error for key, error in strict.items() if key.startswith("grad_") and not before_a_norm(key)}
    assert max(gradients.values()) < 1e-9
    assert max(error for key, error in strict.items() if "/loss_" in key) < 1e-12


def test_reference_steps_in_single_precision(recorded_steps) -> None:
    record = recorded_steps("cut")
    errors = replay(CUT, CUT.Config(**CONFIG), record, dtype=torch.float32).compare(record)
    # rounding noise in zero gradients becomes whole Adam steps of biases that a normalisation removes again
    assert max(error for key, error in errors.items() if key.startswith("step")) < 2e-4
    assert max(error for key, error in errors.items() if key.startswith("grad_") and not before_a_norm(key)) < 2e-4


def test_the_reference_needs_every_half_and_mean(recorded_steps) -> None:
    """The record tells apart what is easily done wrong without a loss looking odd."""
    record = recorded_steps("cut")
    for wrong in ({"lambda_NCE": 2.0}, {"lambda_GAN": 0.5}, {"nce_T": 0.08}):
        errors = replay("cut", CONFIG | wrong, record, steps=1).compare(record)
        assert errors["step0/loss_G"] > 1e-3, wrong
        assert errors["grad_step0/G.000.weight"] > 1e-3, wrong


def test_defaults_are_the_published_command() -> None:
    config = CUT.Config()
    assert (config.n_epochs, config.n_epochs_decay, config.total_epochs) == (200, 200, 400)
    assert (config.lr, config.beta1, config.beta2, config.batch_size) == (2e-4, 0.5, 0.999, 1)
    assert (config.load_size, config.crop_size, config.jitter_off_in_decay) == (286, 256, True)
    assert (config.lambda_NCE, config.lambda_GAN, config.nce_idt, config.flip_equivariance) == (1.0, 1.0, True, False)
    assert (config.nce_layers, config.nce_T, config.num_patches, config.netF_nc) == ((0, 4, 8, 12, 16), 0.07, 256, 256)


@pytest.mark.parametrize("name", ["horse2zebra", "cat2dog", "cityscapes"])
def test_one_command_for_every_data_set(name: str) -> None:
    assert CUT.recipes[name] == {}
