from __future__ import annotations

from copy import deepcopy

import pytest
import torch

from bench.base.randomness import Draws
from bench.checks.replay.replay import replay
from bench.plugin.method import StepContext
from methods.gcgan import GcGAN
from methods.networks.patchgan import PatchGAN
from methods.networks.resnet_generator import ResnetBlock, ResnetGenerator

WIDTHS = {"ngf": 2, "ndf": 2}
RECORDED = {
    "gcgan": WIDTHS | {"n_blocks": 6, "batch_size": 2, "pool_size": 2, "identity": 0.3},
    "gcgan_cross": WIDTHS | {"model": "cross", "geometry": "vf", "batch_size": 1, "pool_size": 1},
}
TINY = WIDTHS | {"n_blocks": 1}


@pytest.mark.parametrize("name", RECORDED)
def test_two_reference_steps(rival_steps, rival_errors, name: str) -> None:
    record = rival_steps(name)
    result = replay("gcgan", RECORDED[name], record)
    assert result.unknown(record) == []
    relative, absolute = rival_errors(result, record)
    assert relative < 1e-12
    assert absolute < 1e-8


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("step0/loss_gc", {"lambda_gc": 1.0}),
        ("step0/loss_gc", {"geometry": "vf"}),
        ("step0/loss_idt", {"identity": 0.5}),
        ("step0/loss_G_AB", {"lambda_G": 2.0}),
        ("step0/loss_D_B", {"no_lsgan": True}),
        ("after_step0/G_AB.000.weight", {"lr": 1e-4}),
    ],
)
def test_the_record_tells_settings_apart(rival_steps, key: str, wrong: dict) -> None:
    record = rival_steps("gcgan")
    errors = replay("gcgan", RECORDED["gcgan"] | wrong, record, steps=1).compare(record)
    assert errors[key] > 1e-6


def test_discriminators_see_the_fakes_of_before_the_update(driver) -> None:
    method = driver.build(GcGAN, pool_size=0, **TINY)
    old = deepcopy(method)
    losses = driver.step(method, 0)
    images = driver.images(0)
    fake, turned = old.netG_AB(images["A"]), old.netG_AB(torch.rot90(images["A"], -1, (2, 3)))
    expected = 0.0
    for netD, real, made in (
        (old.netD_B, images["B"], fake),
        (old.netD_gc_B, torch.rot90(images["B"], -1, (2, 3)), turned),
    ):
        expected += 0.5 * ((netD(real) - 1).square().mean() + netD(made).square().mean()).item()
    assert losses["D_B"] == pytest.approx(expected, rel=1e-4)
    assert torch.equal(method.visuals()["pooled_B"], method.visuals()["fake_B"])


def test_without_identity_the_terms_are_recorded_as_nothing(driver) -> None:
    method = driver.build(GcGAN, identity=0.0, **TINY)
    losses = driver.step(method, 0)
    assert set(losses) == {"G_AB", "G_gc_AB", "gc", "D_B"}
    assert method.record_losses(losses)["idt"] == method.record_losses(losses)["idt_gc"] == 0


@pytest.mark.parametrize("model", ["share", "cross"])
def test_translates_with_the_generator_of_plain_images(driver, model: str) -> None:
    method = driver.build(GcGAN, model=model, **TINY)
    images = driver.images(0)["A"]
    assert torch.equal(method.translate(images), method.netG_AB(images).detach())
    assert list(method.networks()) == ["G_AB", *(["G_gc_AB"] if model == "cross" else []), "D_B", "D_gc_B"]


def test_the_last_epoch_has_no_learning_rate(driver) -> None:
    method = driver.build(GcGAN, **TINY)
    factor = method.schedulers()["G"].lr_lambdas[0]
    rates = [factor(done) for done in range(200)]
    assert rates[98] == 1
    assert rates[99] == pytest.approx(100 / 101)
    assert rates[199] == 0


def test_biases_start_as_torch_makes_them(driver) -> None:
    one, other = driver.build(GcGAN, **TINY), driver.build(GcGAN, seed=1, **TINY)
    bias = one.netG_AB.model[1].bias  # of 7 x 7 x 3 inputs
    assert 0 < bias.abs().max() <= (7 * 7 * 3) ** -0.5
    assert not torch.equal(bias, other.netG_AB.model[1].bias)


def test_sizes_of_the_published_networks() -> None:
    with torch.device("meta"):
        nets = [
            ResnetGenerator(antialias=False),
            ResnetGenerator(antialias=False, n_blocks=6),
            PatchGAN(antialias=False),
        ]
    assert [sum(p.numel() for p in net.parameters()) for net in nets] == [11_378_179, 7_837_699, 2_764_737]


def test_recipes() -> None:
    city = GcGAN.Config(**GcGAN.recipes["cityscapes"])
    assert (city.n_blocks, city.load_size, city.crop_size, city.batch_size) == (6, 144, 128, 12)
    assert (city.identity, city.model, city.geometry) == (0.3, "share", "rot")
    horse = GcGAN.Config(**GcGAN.recipes["horse2zebra"])
    assert (horse.model, horse.load_size, horse.crop_size, horse.batch_size, horse.identity) == (
        "cross",
        288,
        256,
        8,
        0.5,
    )


def context(step: int, batch: int = 2) -> StepContext:
    """As the driver's."""
    return StepContext(step, 1, 10, 200, Draws(0).at(step), {stream: (batch, 3, 32, 32) for stream in "AB"})


def test_a_mixture_turns_or_mirrors_by_a_coin_in_each_step(driver) -> None:
    method = driver.build(GcGAN, geometry="mix", pool_size=4, **TINY)
    phases = [method.phase(moment, method.draw(moment)) for moment in map(context, range(40))]
    assert {phase for phase in phases[:2]} <= {"filling, rot", "filling, vf"} <= method.eager_phases
    assert set(phases[2:]) == {"full, rot", "full, vf"}
    assert 8 < sum(phase.endswith("rot") for phase in phases) < 32


def test_dropout_keeps_half_in_training_and_in_translation(driver) -> None:
    method = driver.build(GcGAN, no_dropout=False, **TINY | {"n_blocks": 2})
    drawn = method.draw(context(0))
    kept = {name: mask for name, mask in drawn.items() if name.startswith("kept.")}
    assert set(kept) == {f"kept.{image}/{n}" for image in ("fake_B", "fake_gc_B", "idt", "idt_gc") for n in (0, 1)}
    assert len({tuple(mask.flatten().tolist()) for mask in kept.values()}) == len(kept)
    shares = torch.stack([mask.double().mean() for mask in kept.values()])
    assert 0.45 < shares.min() <= shares.max() < 0.55
    images = driver.images(0, batch=2)["A"]
    made = method.translate(images)
    assert torch.equal(made, method.translate(images))
    torch.testing.assert_close(made[1:], method.translate(images[1:]))
    assert not torch.allclose(made, method.netG_AB(images))


def test_without_dropout_the_configuration_is_that_of_older_runs() -> None:
    assert "no_dropout" not in GcGAN.Config().model_dump()
    assert GcGAN.Config(no_dropout=False).model_dump()["no_dropout"] is False


@pytest.mark.parametrize(
    "options",
    [
        {"geometry": "vf"},
        {"no_dropout": False, "n_blocks": 2},
        {"no_dropout": False, "model": "cross", "geometry": "vf", "identity": 0.0},
        {"geometry": "mix", "step": 0},
        {"geometry": "mix", "step": 1},
        {"geometry": "mix", "step": 2, "model": "cross"},
        {"model": "cross", "no_lsgan": True},
        {"model": "cross", "geometry": "vf", "identity": 0.0, "lambda_G": 3.0},
        {"no_lsgan": True, "lambda_gc": 0.5, "lambda_AB": 4.0, "batch": 3},
    ],
    ids=str,
)
def test_every_option_against_a_second_computation(driver, options: dict) -> None:
    options = dict(options)
    batch, step = options.pop("batch", 2), options.pop("step", 0)
    method = driver.build(GcGAN, pool_size=0, **TINY | options).double()
    drawn = method.draw(context(step, batch))
    with torch.no_grad():
        for weight in (p for p in method.parameters() if p.ndim == 4):
            weight.mul_(0.3 / weight.std())
    old, config, images = deepcopy(method), method.config, driver.images(step, batch=batch, dtype=torch.float64)
    losses = driver.step(method, step, batch=batch)
    upside_down = not drawn["rot"] if config.geometry == "mix" else config.geometry == "vf"

    def T(x: torch.Tensor) -> torch.Tensor:
        size = x.shape[2]
        rows = torch.arange(size - 1, -1, -1)
        # rot: T(x)[i, j] = x[size - 1 - j, i]
        return x[:, :, rows, :] if upside_down else x.transpose(2, 3)[:, :, :, rows]

    def T_back(x: torch.Tensor) -> torch.Tensor:
        return T(x) if upside_down else T(T(T(x)))

    def translated(net: ResnetGenerator, x: torch.Tensor, name: str) -> torch.Tensor:
        block = 0
        for module in net.model:
            if not isinstance(module, ResnetBlock):
                x = module(x)
                continue
            pad, conv, norm, relu, other_pad, other_conv, other_norm = module.conv_block
            inner = relu(norm(conv(pad(x))))
            if not config.no_dropout:
                inner = torch.where(drawn[f"kept.{name}/{block}"], inner / (1 - 0.5), 0.0)
            x = x + other_norm(other_conv(other_pad(inner)))
            block += 1
        return x

    def GAN(scores: torch.Tensor, real: bool) -> torch.Tensor:
        if config.no_lsgan:
            return -(scores if real else -scores).sigmoid().log().mean()
        return (scores - float(real)).square().mean()

    G, G_gc = old.netG_AB, old.netG_gc_AB if config.model == "cross" else old.netG_AB
    A, B = images["A"], images["B"]
    fake, fake_gc = translated(G, A, "fake_B"), translated(G_gc, T(A), "fake_gc_B")
    expected = {
        "G_AB": config.lambda_G * GAN(old.netD_B(fake), True),
        "G_gc_AB": config.lambda_G * GAN(old.netD_gc_B(fake_gc), True),
        "gc": (fake - T_back(fake_gc).detach()).abs().mean() + (fake_gc - T(fake).detach()).abs().mean(),
    }
    expected["gc"] = expected["gc"] * config.lambda_AB * config.lambda_gc
    if config.identity:
        expected["idt"] = config.lambda_AB * config.identity * (translated(G, B, "idt") - B).abs().mean()
        expected["idt_gc"] = config.lambda_AB * config.identity * (translated(G_gc, T(B), "idt_gc") - T(B)).abs().mean()
    objective = sum(expected.values())
    expected["D_B"] = sum(
        0.5 * (GAN(netD(real), True) + GAN(netD(made.detach()), False))
        for netD, real, made in ((old.netD_B, B, fake), (old.netD_gc_B, T(B), fake_gc))
    )
    assert losses.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value.detach(), rtol=1e-9, atol=0, msg=name)
    for side, loss in (("G", objective), ("D", expected["D_B"])):
        names = [name for name, _ in old.named_parameters() if name.startswith(f"net{side}")]
        weights, moved = dict(old.named_parameters()), dict(method.named_parameters())
        gradients = torch.autograd.grad(loss, [weights[name] for name in names])
        for name, gradient in zip(names, gradients, strict=True):
            torch.testing.assert_close(moved[name].grad, gradient, rtol=1e-7, atol=1e-9)
