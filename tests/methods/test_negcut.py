"""NEGCUT and FastNEGCUT as configurations; their steps are compared in test_reference_steps.py."""

from __future__ import annotations

import torch

from bench.base.randomness import Draws
from bench.plan.resolve import resolve
from bench.schema.protocol import load_protocol
from methods.cut import CUT
from methods.fastcut import FastCUT
from methods.fastnegcut import FastNEGCUT
from methods.negcut import NEGCUT


def differences(one, other) -> set[str]:
    return {name for name, value in one if value != getattr(other, name)}


def test_they_are_cut_and_fastcut_with_another_loss() -> None:
    assert differences(NEGCUT.Config(), CUT.Config()) == {"loss", "loss_options"}
    assert differences(FastNEGCUT.Config(), FastCUT.Config()) == {"loss", "loss_options"}
    assert NEGCUT.Config().loss_options == {"noise_nc": 64, "ema_decay": 0.9, "lambda_div": 1.0, "lambda_N": 1.0}
    assert FastNEGCUT.Config().loss_options["lambda_N"] == FastNEGCUT.Config().lambda_NCE == 10.0


def test_published_sizes(driver) -> None:
    method = driver.build(NEGCUT)
    counts = {name: sum(p.numel() for p in net.parameters()) for name, net in method.networks().items()}
    assert counts == {"G": 11_378_179, "D": 2_764_737, "F": 560_384, "N": 739_840, "F_": 560_384}


def test_every_optimizer_has_the_common_learning_rate(tiny, driver) -> None:
    method = driver.build(NEGCUT, lr=1e-3, **tiny)
    assert list(method.optimizers()) == ["G", "D", "F", "adversary"]
    assert {group["lr"] for o in method.optimizers().values() for group in o.param_groups} == {1e-3}


def test_the_average_head_is_no_copy(tiny, driver) -> None:
    method = driver.build(NEGCUT, **tiny)
    assert not torch.equal(next(method.loss.F_.parameters()), next(method.netF.parameters()))


def test_noise_is_drawn_afresh_for_every_call(tiny, driver) -> None:
    noise: list[torch.Tensor] = []

    class Spy(Draws):
        def normal(self, *args, **kwargs):
            noise.append(super().normal(*args, **kwargs))
            return noise[-1]

    losses = driver.step(driver.build(NEGCUT, **tiny), 0, Spy(0))
    assert [tuple(z.shape) for z in noise] == [(1, 16, 64)] * 20  # two updates, two pairs, five layers
    assert len({float(z.flatten()[0]) for z in noise}) == 20
    assert {"N_NCE", "N_div", "NCE", "NCE_Y"} < losses.keys()


def test_options_are_merged_and_forgotten_with_the_loss() -> None:
    protocol = load_protocol("horse2zebra")
    merged = resolve("fastnegcut", protocol, "paper", settings={"loss_options": {"noise_nc": 8}})
    assert merged.config.loss_options["lambda_N"] == 10.0
    assert merged.config.loss_options["noise_nc"] == 8
    other = resolve("fastnegcut", protocol, "paper", settings={"loss": "patchnce"})
    assert other.config.loss_options == {}
