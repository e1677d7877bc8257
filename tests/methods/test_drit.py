from __future__ import annotations

from copy import deepcopy

import plain_networks as plain
import pytest
import torch
from pydantic import ValidationError

from bench.base.randomness import Draws
from bench.checks.replay.replay import replay
from bench.plugin.method import StepContext
from methods.drit import DRIT
from methods.networks.drit_attribute_encoder import DRITAttributeEncoder
from methods.networks.drit_content_encoder import DRITContentEncoder
from methods.networks.drit_discriminator import ContentDiscriminator, SingleScaleDiscriminator
from methods.networks.drit_generator import DRITConcatGenerator, DRITMixingGenerator
from methods.networks.reflect_discriminator import ReflectDiscriminator
from methods.networks.spectral_norm import SpectralConv2d

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


class Iteration:
    """A full iteration once more, from the description; networks that no record proves are those of plain_networks.py."""

    def __init__(self, old: DRIT, new: DRIT, batch: dict[str, torch.Tensor], drawn: dict[str, torch.Tensor]) -> None:
        self.old, self.new, self.batch, self.drawn = old, new, batch, drawn
        self.losses: dict[str, torch.Tensor] = {}

    def attribute(self, image: torch.Tensor, d: str, noise: str) -> tuple[torch.Tensor, torch.Tensor]:
        """The attribute, and what is charged for it."""
        if not self.old.config.concat:
            z = plain.style_encoder(image, plain.weights_of(self.old.netenc_a.domains[d]))
            return z, (z**2).sum() / z.numel()
        mean, log_variance = self.old.netenc_a(image, d)
        variance = log_variance.exp()
        return mean + self.drawn[noise] * variance.sqrt(), (mean**2 + variance - log_variance - 1).sum() / 2

    def image(self, content: torch.Tensor, z: torch.Tensor, d: str) -> torch.Tensor:
        if self.old.config.concat:
            return self.old.netgen(content, z, d)
        mixed_in = plain.mlp(z, plain.weights_of(self.old.netgen.mlps[d]))
        return plain.mixing_decoder(content, mixed_in, plain.weights_of(self.old.netgen.domains[d]))

    @staticmethod
    def bce(scores, target: float) -> torch.Tensor:
        """Summed over scales."""
        odds = [(score.sigmoid().log() * target + (-score).sigmoid().log() * (1 - target)) for score in scores]
        return -sum(of_scale.mean() for of_scale in odds)

    def judged(self, method: DRIT, name: str, images: torch.Tensor) -> list[torch.Tensor]:
        netD = getattr(method, f"net{name}")
        weights = plain.spectral_weights_of if method.config.dis_spectral_norm else plain.weights_of
        if isinstance(netD, SingleScaleDiscriminator):
            return [plain.single_scale(images, weights(netD))]
        return plain.several_scales(images, [weights(network) for network in netD.scales])

    def run(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The two objectives."""
        losses, drawn, old, new = self.losses, self.drawn, self.old, self.new
        real = {"a": self.batch["A"], "b": self.batch["B"]}
        content = {d: old.netenc_c(real[d][:1], d) + drawn[f"content.{d}"] for d in "ab"}
        codes = {d: self.attribute(real[d][:1], d, f"attribute.{d}") for d in "ab"}
        randoms = [drawn[name] for name in ("z", "z_other") if name in drawn]
        first, second = [], []
        back = {}
        for d, o in (("a", "b"), ("b", "a")):
            swapped = self.image(content[o], codes[d][0], d)
            own = self.image(content[d], codes[d][0], d)
            made = [self.image(content[o], z, d) for z in randoms]
            back[o] = old.netenc_c(swapped, d) + drawn[f"content_again.{d}"]
            again = self.attribute(swapped, d, f"attribute_again.{d}")[0]
            back[f"z_{d}"] = again
            D, upper = f"dis{d.upper()}", d.upper()
            losses[D] = self.bce(self.judged(old, D, real[d][:1]), 1) + self.bce(self.judged(old, D, swapped), 0)
            losses[f"{D}2"] = sum(
                self.bce(self.judged(old, f"{D}2", real[d][1:]), 1) + self.bce(self.judged(old, f"{D}2", fake), 0)
                for fake in made
            )
            losses[f"gan_{d}"] = self.bce(self.judged(new, D, swapped), 1)
            losses[f"gan_{d}content"] = self.bce([new.netdisContent(content[d])], 0.5)
            losses[f"kl_za_{d}"] = codes[d][1] / 100
            losses[f"kl_zc_{d}"] = (content[d] ** 2).mean() / 100
            losses[f"l1_recon_{upper}{upper}"] = 10 * (own - real[d][:1]).abs().mean()
            found = (
                old.netenc_a(made[0], d)[0]
                if old.config.concat
                else plain.style_encoder(made[0], plain.weights_of(old.netenc_a.domains[d]))
            )
            losses[f"l1_recon_z_{d}"] = 10 * (found - randoms[0]).abs().mean()
            losses[f"gan2_{d}"] = sum(self.bce(self.judged(new, f"{D}2", fake), 1) for fake in made)
            second += [losses[f"l1_recon_z_{d}"], losses[f"gan2_{d}"]]
            if len(made) == 2:
                apart = (made[1] - made[0]).abs().mean() / (randoms[1] - randoms[0]).abs().mean()
                losses[f"lz_{o.upper()}{d.upper()}"] = 1 / (apart + 1e-5)
                second.append(losses[f"lz_{o.upper()}{d.upper()}"])
        for d in "ab":
            losses[f"l1_recon_{d.upper()}"] = 10 * (self.image(back[d], back[f"z_{d}"], d) - real[d][:1]).abs().mean()
            names = (f"gan_{d}", f"gan_{d}content", f"kl_za_{d}", f"kl_zc_{d}")
            first += [losses[name] for name in (*names, f"l1_recon_{d.upper()}{d.upper()}", f"l1_recon_{d.upper()}")]
        losses["disContent"] = self.bce([old.netdisContent(content["b"])], 1) + self.bce(
            [old.netdisContent(content["a"])], 0
        )
        losses["G"] = sum(first)
        return losses["G"], sum(second)


def converge(method: DRIT) -> None:
    """Put the power iterations of all layers with spectral norm where they come to rest."""
    with torch.no_grad():
        for layer in (module for module in method.modules() if isinstance(module, SpectralConv2d)):
            left, _, right = torch.linalg.svd(layer.weight_orig.flatten(1), full_matrices=False)
            layer.weight_u.copy_(left[:, 0])
            layer.weight_v.copy_(right[0])


def test_spectral_norm_is_of_every_convolution_of_the_image_discriminators(driver) -> None:
    method = driver.build(DRIT, dis_spectral_norm=True, **TINY)
    for name in ("disA", "disB", "disA2", "disB2"):
        layers = [m for m in method.networks()[name].modules() if isinstance(m, torch.nn.Conv2d | SpectralConv2d)]
        assert len(layers) == 15
        assert all(isinstance(layer, SpectralConv2d) for layer in layers)
        assert all(0 < layer.bias.abs().max() <= layer.weight_orig[0].numel() ** -0.5 for layer in layers)
        drawn = torch.cat([layer.weight_orig.flatten() for layer in layers])
        assert 0.018 < drawn.std() < 0.022
    assert not any(isinstance(module, SpectralConv2d) for module in method.netdisContent.modules())
    assert "dis_spectral_norm" not in DRIT.Config().model_dump()
    assert DRIT.Config(dis_spectral_norm=True).model_dump()["dis_spectral_norm"] is True


@pytest.mark.parametrize(
    "options",
    [
        {"concat": False},
        # so small a rate that weights and with them the power iterations stay where they are
        {"dis_spectral_norm": True, "lr": 1e-13},
        {"dis_spectral_norm": True, "dis_scale": 1, "lr": 1e-13},
        {"concat": False, "no_ms": True},
        {"no_ms": True},
        {"dis_scale": 1},
        {"dis_scale": 2, "concat": False, "batch_size": 3, "nz": 5},
    ],
    ids=str,
)
def test_every_option_against_a_second_computation(driver, options: dict) -> None:
    method = driver.build(DRIT, variant="clean", d_iter=1, **TINY | options).double()
    with torch.no_grad():  # as large as a trained network's, so that every part of the objective can be seen
        for weight in (p for p in method.parameters() if p.ndim == 4):
            weight.mul_(0.3 / weight.std())
    converge(method)
    old, batch = deepcopy(method), options.get("batch_size", 2)
    generator = torch.Generator().manual_seed(0)
    images = {d: torch.rand(batch, 3, 64, 64, generator=generator, dtype=torch.float64) * 2 - 1 for d in "AB"}
    shapes = {d: (batch, 3, 64, 64) for d in "AB"}
    at = StepContext(0, 1, 1200, 1200, Draws(0).at(0), shapes)
    drawn = {name: noise.double() for name, noise in method.draw(at).items()}
    losses = method.step(images, drawn, "full")

    again = Iteration(old, method, images, drawn)
    first, second = again.run()
    assert losses.keys() == again.losses.keys()
    for name, expected in again.losses.items():
        torch.testing.assert_close(losses[name], expected.detach(), rtol=1e-9, atol=0, msg=name)
    for name in ("disA", "disB", "disA2", "disB2", "disContent"):
        weights = list(old.networks()[name].parameters())
        gradients = torch.autograd.grad(again.losses[name], weights, retain_graph=True)
        if name == "disContent":  # clipped
            norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
            gradients = tuple(gradient * (5 / (norm + 1e-6)).clamp(max=1) for gradient in gradients)
        for found, expected in zip(method.networks()[name].parameters(), gradients, strict=True):
            torch.testing.assert_close(found.grad, expected, rtol=1e-7, atol=1e-10)
    nets = [net for name, net in old.networks().items() if name in ("enc_c", "enc_a", "gen")]
    weights = [p for net in nets for p in net.parameters()]
    found = [p.grad for name in ("enc_c", "enc_a", "gen") for p in method.networks()[name].parameters()]
    for gradient, expected in zip(found, torch.autograd.grad(first, weights, retain_graph=True), strict=True):
        torch.testing.assert_close(gradient, expected, rtol=1e-7, atol=1e-10)
    later = method.later_gradients()["second"]
    weights = [p for name in ("enc_c", "gen") for p in old.networks()[name].parameters()]
    found = [later[p] for name in ("enc_c", "gen") for p in method.networks()[name].parameters()]
    for gradient, expected in zip(found, torch.autograd.grad(second, weights), strict=True):
        torch.testing.assert_close(gradient, expected, rtol=1e-7, atol=1e-10)
