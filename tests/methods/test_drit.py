from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from bench.base.randomness import Draws
from bench.checks.replay.replay import replay
from bench.plugin.method import StepContext
from methods.drit import DRIT
from methods.networks.drit_attribute_encoder import DRITAttributeEncoder
from methods.networks.drit_content_encoder import DRITContentEncoder
from methods.networks.drit_discriminator import ContentDiscriminator
from methods.networks.drit_generator import DRITConcatGenerator, DRITMixingGenerator
from methods.networks.reflect_discriminator import ReflectDiscriminator

RECORDED = {"ngf": 1, "nef": 2, "ndf": 1}
TINY = {"ngf": 1, "nef": 2, "ndf": 1, "mlp_dim": 4, "crop_size": 64, "load_size": 64, "n_layers_content": 1}
CONTENT_ALONE = {"total_steps": 10, "total_epochs": 1}


@pytest.fixture
def record(rival_steps) -> dict[str, torch.Tensor]:
    found = rival_steps("drit")
    return {key: value for key, value in found.items() if not key.startswith("same_weights")}


def test_two_reference_iterations(record, rival_errors) -> None:
    result = replay("drit", RECORDED, record)
    assert result.unknown(record) == []
    relative, absolute = rival_errors(result, record)
    assert relative < 1e-9
    assert absolute < 1e-8


def test_clean_second_update(rival_steps, rival_errors) -> None:
    record = rival_steps("drit")
    clean = {key: value for key, value in record.items() if "step1" not in key and "_second_" not in key}
    clean = {key: value for key, value in clean.items() if not key.startswith("after_step0")}
    same = {key.replace("same_weights", "grad"): v for key, v in record.items() if key.startswith("same_weights")}
    result = replay("drit", RECORDED | {"variant": "clean"}, clean | same)
    assert sum(key.startswith("grad_second_step0") for key in same) == 88
    relative, absolute = rival_errors(result, clean | same)
    assert relative < 1e-9
    assert absolute < 1e-8


def test_reference_iteration_of_contents_alone(record) -> None:
    """It starts from what the full one does, whose content discriminator therefore makes the same update."""
    names = ("enc_c.", "disContent.")
    given = {key: v for key, v in record.items() if key.startswith(tuple(f"init/{name}" for name in names))}
    for key in ("input_A", "input_B", "noise_00", "noise_01", "loss_disContent"):
        given[f"step0/{key}"] = record[f"step0/{key}"]
    for prefix in ("grad_step0", "after_step0"):
        given |= {key: v for key, v in record.items() if key.startswith(f"{prefix}/disContent.")}
    result = replay("drit", RECORDED, given, **CONTENT_ALONE)
    assert set(result.losses) == {"step0/loss_disContent"}
    assert result.unknown(given) == []
    assert max(result.compare(given).values()) < 1e-9
    assert torch.equal(result.weights["after_step0/enc_c.000.weight"], record["init/enc_c.000.weight"].double())


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("grad_second_step0/gen.000.weight", {"variant": "clean"}),
        ("after_step0/disContent.000.weight", {"lr_dcontent": 1e-4}),
        ("after_step1/gen.000.weight", {"weight_decay": 0.0}),
    ],
)
def test_the_record_tells_settings_apart(record, key: str, wrong: dict) -> None:
    steps = 2 if "step1" in key else 1
    assert replay("drit", RECORDED | wrong, record, steps=steps).compare(record)[key] > 1e-9


@pytest.mark.parametrize("concat", [True, False])
@pytest.mark.parametrize("no_ms", [True, False])
def test_variants_make_the_losses_that_they_should(driver, concat: bool, no_ms: bool) -> None:
    method = driver.build(DRIT, concat=concat, no_ms=no_ms, dis_scale=1 if no_ms else 3, d_iter=1, **TINY)
    losses = driver_step(method)
    assert ("lz_AB" in losses) == ("lz_BA" in losses) == (not no_ms)
    assert all(torch.isfinite(loss) for loss in losses.values())
    draws = method.draw(context(0))
    assert ("attribute.a" in draws) == concat
    assert ("z_other" in draws) == (not no_ms)
    # a penalty of 0.01 mean z^2, or 0.01 times the divergence, which is positive too
    assert losses["kl_za_a"] > 0
    images = driver.images(0, batch=2, side=64)["A"]
    assert method.translate(images).shape == images.shape


def context(step: int, per_epoch: int = 1, epoch: int = 1) -> StepContext:
    shapes = {stream: (2, 3, 64, 64) for stream in "AB"}
    return StepContext(step, epoch, per_epoch * 1200, 1200, Draws(0).at(step), shapes)


def driver_step(method: DRIT) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    batch = {name: torch.rand(2, 3, 64, 64, generator=generator) * 2 - 1 for name in "AB"}
    return method.training_step(batch, context(0))


def test_two_of_three_iterations_train_the_content_discriminator_alone(driver) -> None:
    method = driver.build(DRIT, **TINY)
    first = [method.phase(context(step, per_epoch=8), {}) for step in range(8)]
    assert first == ["content", "content", "full", "content", "content", "full", "full", "full"]
    second = [method.phase(context(step, per_epoch=8, epoch=2), {}) for step in range(8, 16)]
    assert second == first
    assert [method.phase(context(step, per_epoch=2), {}) for step in range(2)] == ["full", "full"]


def test_the_content_discriminators_gradient_is_clipped(driver) -> None:
    method = driver.build(DRIT, **TINY)
    big = torch.full((1, 4, 16, 16), 1e4)
    method._update_content_discriminator(big, -big)
    norm = torch.stack([p.grad.norm() for p in method.netdisContent.parameters()]).norm()
    assert norm == pytest.approx(5.0, rel=1e-4)


def test_contents_must_be_large_enough() -> None:
    assert [ContentDiscriminator.least_side(n) for n in range(4)] == [4, 11, 25, 53]
    DRIT.Config(crop_size=212)
    with pytest.raises(ValidationError, match="n_layers_content 3 needs images of 212 pixels, crop_size is 208"):
        DRIT.Config(crop_size=208)
    assert ContentDiscriminator(1)(torch.zeros(1, 1, 53, 53)).shape == (1,)
    assert ContentDiscriminator(1)(torch.zeros(1, 1, 54, 54)).shape == (1,)


def test_translation_takes_no_noise_and_a_style(driver) -> None:
    method = driver.build(DRIT, **TINY)
    images = driver.images(0, batch=2, side=64)["A"]
    style = method.latents(2, torch.Generator().manual_seed(1))
    expected = method.netgen(method.netenc_c(images, "a"), style, "b")
    assert torch.equal(method.translate(images, style), expected)
    assert not torch.allclose(method.translate(images, style.flip(0)), expected)
    assert torch.equal(method.translate(images), method.translate(images))


def test_learning_rate(driver) -> None:
    factor = driver.build(DRIT, **TINY).schedulers()["disContent"].lr_lambdas[0]
    assert [factor(e) for e in (0, 600, 601, 1199)] == pytest.approx([1, 1, 1 - 1 / 601, 1 - 599 / 601])


def test_sizes_of_the_published_networks() -> None:
    with torch.device("meta"):
        networks = {
            "enc_c": DRITContentEncoder(),
            "enc_a": DRITAttributeEncoder(),
            "enc_a, concat 0": DRITAttributeEncoder(concat=False),
            "gen": DRITConcatGenerator(),
            "gen, concat 0": DRITMixingGenerator(),
            "dis": ReflectDiscriminator(slope=0.01),
            "disContent": ContentDiscriminator(),
        }
    assert {name: sum(p.numel() for p in network.parameters()) for name, network in networks.items()} == {
        "enc_c": 9_018_112,
        "enc_a": 2_688_160,
        "enc_a, concat 0": 5_529_872,
        "gen": 9_564_710,
        "gen, concat 0": 17_146_374,
        "dis": 8_271_171,
        "disContent": 10_683_649,
    }
