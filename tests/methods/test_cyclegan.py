from __future__ import annotations

from copy import deepcopy

import pytest
import torch

from bench.base.randomness import Draws
from bench.checks.replay.replay import replay
from bench.plugin.method import StepContext
from methods.cyclegan import CycleGAN

CONFIG = {"ngf": 4, "ndf": 4}
TINY = {"ngf": 4, "ndf": 4, "n_blocks": 1}


def test_two_reference_steps(recorded_steps) -> None:
    record = recorded_steps("cyclegan")
    errors = replay("cyclegan", CONFIG, record).compare(record)
    assert len(errors) == 2 * (8 + 6) + 3 * (2 * 48 + 2 * 10)
    assert max(errors.values()) < 1e-8


def test_reference_step_in_single_precision(recorded_steps) -> None:
    record = recorded_steps("cyclegan")
    result = replay("cyclegan", CONFIG, record, dtype=torch.float32, steps=1)
    errors = result.compare(record)
    assert max(error for key, error in errors.items() if key.startswith("step0")) < 2e-4
    # one ReLU input of this record is 2e-6 and rounds to the other side of 0, which moves G_A's gradient by percents
    for network in ("G_B", "D_A", "D_B"):
        weights = [key for key in record if key.startswith(f"grad_step0/{network}.") and key.endswith("weight")]
        one, other = (torch.cat([t[key].double().flatten() for key in weights]) for t in (result.tensors, record))
        assert torch.cosine_similarity(one, other, dim=0) > 0.9999


def test_generators_are_updated_before_the_discriminators(driver) -> None:
    method = driver.build(CycleGAN, **TINY)
    old = deepcopy(method)
    losses = driver.step(method, 0)
    images = driver.images(0)
    # G's losses come from the discriminators as they were, D's from the fakes made before G's update
    fake_B = old.netG_A(images["A"])
    assert losses["G_A"] == pytest.approx((old.netD_A(fake_B) - 1).square().mean().item(), rel=1e-4)
    D_A = 0.5 * ((old.netD_A(images["B"]) - 1).square().mean() + old.netD_A(fake_B).square().mean())
    assert losses["D_A"] == pytest.approx(D_A.item(), rel=1e-4)
    torch.testing.assert_close(method.visuals()["fake_B"], fake_B, rtol=1e-4, atol=1e-5)


def test_discriminators_see_the_pool(driver) -> None:
    method = driver.build(CycleGAN, pool_size=1, **TINY)
    seen = []
    method.netD_A.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].detach().clone()))
    old_shown = 0
    for step in range(8):
        seen.clear()
        driver.step(method, step)
        old_shown += not torch.equal(seen[-1], method.visuals()["fake_B"])  # the pool's image is D_A's last input
    assert 0 < old_shown < 7
    assert method.fake_A_pool.images.shape == method.fake_B_pool.images.shape == (1, 3, 32, 32)


def test_the_pools_fill_in_a_phase_of_their_own(driver) -> None:
    method = driver.build(CycleGAN, pool_size=3, **TINY)
    moments = [StepContext(step, 1, 9, 1, Draws(0).at(step), {"A": (2, 3, 8, 8)}) for step in range(4)]
    assert [method.phase(moment, {}) for moment in moments] == ["filling", "filling", "full", "full"]
    assert method.eager_phases == {"filling"}
    without = driver.build(CycleGAN, pool_size=0, **TINY)
    assert without.phase(moments[0], {}) == "full"


def test_without_identity_loss(driver) -> None:
    losses = driver.step(driver.build(CycleGAN, lambda_identity=0.0, **TINY), 0)
    assert set(losses) == {"G_A", "cycle_A", "G_B", "cycle_B", "D_A", "D_B"}


def test_stopping_and_going_on_is_bit_identical(driver) -> None:
    config = TINY | {"pool_size": 2}
    one = driver.build(CycleGAN, **config)
    for step in range(4):
        driver.step(one, step)
    one.end_epoch()
    other = driver.build(CycleGAN, seed=9, **config)
    other.load_state_dict(one.state_dict())
    for kind in ("optimizers", "schedulers"):
        for name, saved in getattr(one, kind)().items():
            getattr(other, kind)()[name].load_state_dict(deepcopy(saved.state_dict()))
    for step in range(4, 8):
        first, second = driver.step(one, step), driver.step(other, step)
        assert all(torch.equal(first[name], second[name]) for name in first)
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_translates_with_G_A(driver) -> None:
    method = driver.build(CycleGAN, **TINY)
    images = driver.images(0)["A"]
    assert torch.equal(method.translate(images), method.netG_A(images).detach())
    assert list(method.networks()) == ["G_A", "G_B", "D_A", "D_B"]


def test_defaults_are_the_published_command() -> None:
    config = CycleGAN.Config()
    assert (config.n_epochs, config.n_epochs_decay, config.lr, config.beta1, config.beta2) == (
        100,
        100,
        2e-4,
        0.5,
        0.999,
    )
    assert (config.lambda_A, config.lambda_B, config.lambda_identity, config.pool_size) == (10.0, 10.0, 0.5, 50)
    assert (config.load_size, config.crop_size, config.jitter_off_in_decay) == (286, 256, False)


def test_both_discriminators_have_the_depth_asked_for(driver) -> None:
    for depth in (1, 3):
        method = driver.build(CycleGAN, **TINY, n_layers_D=depth)
        assert all(
            sum(isinstance(layer, torch.nn.Conv2d) for layer in netD.modules()) == depth + 2
            for netD in (method.netD_A, method.netD_B)
        )
