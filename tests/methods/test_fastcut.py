from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from bench.base.randomness import Draws
from bench.checks.replay.replay import replay
from bench.plugin.method import StepContext
from methods.fastcut import FastCUT


def reference_gradients(method, images: dict[str, Tensor], flipped: bool, ids: list[Tensor]) -> dict[str, Tensor]:
    """One FastCUT step written straight from its description, without any of the framework's savings."""
    config = method.config
    netG, netD, netF = deepcopy(method.netG), deepcopy(method.netD), deepcopy(method.netF)
    real_A, real_B = images["A"], images["B"]
    fake_B = netG(torch.flip(real_A, [3]) if flipped else real_A)
    optimizer = torch.optim.Adam(netD.parameters(), lr=config.lr, betas=(config.beta1, config.beta2), foreach=False)
    loss_D = 0.5 * (netD(fake_B.detach()).pow(2).mean() + (netD(real_B) - 1).pow(2).mean())
    loss_D.backward()
    gradients = {f"D.{name}": p.grad.clone() for name, p in netD.named_parameters()}
    optimizer.step()

    total = 0.0
    keys = netG.features(real_A, config.nce_layers)
    queries = netG.features(fake_B, config.nce_layers)
    for layer, (key_map, query_map, at) in enumerate(zip(keys, queries, ids, strict=True)):
        if flipped:
            query_map = torch.flip(query_map, [3])
        mlp = netF.get_submodule(f"mlp_{layer}")
        k = mlp(key_map.permute(0, 2, 3, 1).flatten(1, 2)[0, at].detach()).detach()
        q = mlp(query_map.permute(0, 2, 3, 1).flatten(1, 2)[0, at])
        k, q = (x / (x.pow(2).sum(1, keepdim=True).sqrt() + 1e-7) for x in (k, q))
        similarity = q @ k.T
        negatives = similarity.clone()
        negatives.fill_diagonal_(-10.0)
        logits = torch.cat([similarity.diagonal()[:, None], negatives], 1) / 0.07
        total = total + 10.0 * F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long)) / len(ids)
    (total + (netD(fake_B) - 1).pow(2).mean()).backward()
    gradients |= {f"G.{name}": p.grad for name, p in netG.named_parameters()}
    return gradients | {f"F.{name}": p.grad for name, p in netF.named_parameters()}


def step_where_flip_is(wanted: bool) -> int:
    return next(step for step in range(50) if Draws(0).at(step).bernoulli("nce.flip") == wanted)


def test_a_mirrored_step_is_a_phase_of_its_own(tiny, driver) -> None:
    method = driver.build(FastCUT, **tiny)
    for flipped, phase in ((False, "step"), (True, "flipped")):
        step = step_where_flip_is(flipped)
        context = StepContext(step, 1, 9, 1, Draws(0).at(step), {"A": (1, 3, 32, 32)})
        assert method.phase(context, method.draw(context)) == phase


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("tap", [False, True])
def test_gradients_equal_a_straightforward_step(tiny, driver, flipped: bool, tap: bool) -> None:
    method = driver.build(FastCUT, tap_key_features=tap, **tiny).double()
    step = step_where_flip_is(flipped)
    images = driver.images(step, dtype=torch.float64)
    draws = Draws(0).at(step)
    ids = [draws.permutation("nce.ids", side * side, 16) for side in (38, 32, 16, 8, 8)]
    expected = reference_gradients(method, images, flipped, ids)
    real_A = images["A"].flip(3) if flipped else images["A"]
    fake_B = method.translate(real_A)
    losses = driver.step(method, step)
    torch.testing.assert_close(method.visuals()["fake_B"], fake_B)
    assert set(losses) == {"D_real", "D_fake", "D", "G_GAN", "NCE", "G"}
    found = dict(method.named_gradients())
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-7, atol=1e-11, msg=name)


def test_replay_takes_recorded_flips(tiny, driver) -> None:
    method = driver.build(FastCUT, **tiny).double()
    step = step_where_flip_is(True)
    draws = Draws(0).at(step)
    record: dict[str, Any] = {
        f"step0/input_{name}": image for name, image in driver.images(step, dtype=torch.float64).items()
    }
    for index, side in enumerate((38, 32, 16, 8, 8)):
        record[f"step0/patch_ids_{index:02d}"] = draws.permutation("nce.ids", side * side, 16)
    record["step0/flipped"] = torch.tensor([1])
    for network, module in method.networks().items():
        for index, (name, parameter) in enumerate(module.named_parameters()):
            record[f"init/{network}.{index:03d}.{name.rpartition('.')[2]}"] = parameter.detach().clone()
    losses = driver.step(method, step)
    result = replay(FastCUT, tiny, record)
    assert set(result.losses) == {f"step0/loss_{name}" for name in losses}
    for name, value in losses.items():
        torch.testing.assert_close(result.tensors[f"step0/loss_{name}"], value.reshape(1))
    other = replay(FastCUT, tiny, record | {"step0/flipped": torch.tensor([0])})
    assert other.losses["step0/loss_NCE"] != result.losses["step0/loss_NCE"]


def test_defaults_are_the_published_command() -> None:
    config = FastCUT.Config()
    assert (config.n_epochs, config.n_epochs_decay) == (150, 50)
    assert (config.lambda_NCE, config.nce_idt, config.flip_equivariance) == (10.0, False, True)
    assert (config.lr, config.jitter_off_in_decay, config.load_size, config.crop_size) == (2e-4, True, 286, 256)
