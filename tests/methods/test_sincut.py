from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from official_steps import largest_errors, official_arrays, official_steps
from pydantic import ValidationError

from bench.base.randomness import Draws
from bench.checks.conformance import method_checks
from bench.checks.replay.replay import replay
from bench.plugin.method import StepContext
from methods.losses.gan_mode import gan_discriminator, gan_generator
from methods.networks.single_image_discriminator import SingleImageDiscriminator
from methods.networks.single_image_generator import SingleImageGenerator, fixed_noise
from methods.sincut import SinCUT

RECORDED = {"ngf": 0.5, "ndf": 0.25, "netF_nc": 16, "batch_size": 4}
ADAM = {"lr": 2e-3, "betas": (0.0, 0.99)}
TINY = {"ngf": 0.5, "ndf": 0.25, "netF_nc": 8, "crop_size": 32}


def test_two_recorded_steps() -> None:
    record = official_steps("sincut", **ADAM)
    result = replay("sincut", RECORDED, record)
    assert result.unknown(record) == []
    relative, absolute = largest_errors(result, record)
    assert relative < 1e-10
    assert absolute < 1e-12


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("step0/loss_NCE", {"lambda_NCE": 1.0}),
        ("step0/loss_NCE", {"nce_includes_all_negatives_from_minibatch": False}),
        ("step0/loss_idt", {"lambda_identity": 2.0}),
        ("step0/loss_D_R1", {"lambda_R1": 2.0}),
        ("step0/loss_G_GAN", {"gan_mode": "lsgan"}),
    ],
)
def test_the_record_tells_settings_apart(key: str, wrong: dict) -> None:
    record = official_steps("sincut", **ADAM)
    assert replay("sincut", RECORDED | wrong, record, steps=1).compare(record)[key] > 1e-3


def test_recorded_adversarial_losses() -> None:
    arrays = official_arrays("sincut_losses")
    real, fake = arrays["pred_real"], arrays["pred_fake"]
    mode = "nonsaturating"
    D = 0.5 * (gan_discriminator(real, True, mode) + gan_discriminator(fake, False, mode))
    torch.testing.assert_close(D, arrays["d_gan"], rtol=1e-12, atol=0)
    torch.testing.assert_close(gan_generator(fake, mode), arrays["g_gan"], rtol=1e-12, atol=0)


def test_parameters_of_the_published_size() -> None:
    counts = [
        sum(p.numel() for p in network.parameters()) for network in (SingleImageGenerator(), SingleImageDiscriminator())
    ]
    assert counts == [3_068_404, 5_885_473]
    channels = SingleImageGenerator().feature_channels((0, 2, 4))
    assert sum(c * 256 + 256 + 256 * 256 + 256 for c in channels) == 280_832


def test_feature_sizes_are_those_of_the_features() -> None:
    netG = SingleImageGenerator(0.5, 32, halvings=2)
    for parameter in netG.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    layers = range(len(netG.encoder))
    maps = netG.features(torch.zeros(1, 3, 16, 24), layers)
    assert [tuple(m.shape[2:]) for m in maps] == netG.feature_sizes(layers, (16, 24))
    assert [m.shape[1] for m in maps] == netG.feature_channels(layers)


@pytest.mark.parametrize("loss", ["patchnce", "src_hdce"])
def test_trains_with_either_loss_and_translates_any_size(driver, loss: str) -> None:
    method = driver.build(SinCUT, loss=loss, lambda_NCE=1.0, **TINY)
    assert all(torch.isfinite(value) for value in driver.step(method, 0, batch=4).values())
    images = torch.rand(1, 3, 20, 44) * 2 - 1
    made = method.translate(images)
    assert made.shape == images.shape
    assert made.abs().max() <= 1
    assert torch.equal(made, method.translate(images))


def test_initial_weights(driver) -> None:
    method = driver.build(SinCUT, **TINY)
    strengths = [p for name, p in method.named_parameters() if name.endswith("noise.weight")]
    assert [strength.tolist() for strength in strengths] == [[0]]  # noise is learnt from nothing on
    weights = torch.cat([p.detach().flatten() for p in method.netD.parameters() if p.ndim == 4])
    assert weights.std() == pytest.approx(1, rel=0.05)  # scaled where they are used


def test_translations_are_cut_off_where_images_end(driver) -> None:
    method = driver.build(SinCUT, **TINY)
    images = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        for parameter in method.netG.last.parameters():
            parameter.mul_(20)
        noise = fixed_noise(method.netG.noise_sizes((16, 16)), 1, images)
        unbounded = method.netG(images, noise)
    assert unbounded.max() > 1
    assert unbounded.min() < -1
    assert torch.equal(method.translate(images), unbounded.clamp(-1, 1))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"crop_size": 48}, "crop_size: 48 is no power"),
        ({"tile_size": 24}, "tile_size: 24 is no power"),
        ({"tile_size": 128}, "tile_size: 128 is more than crop_size 64"),
        ({"flip_equivariance": True}, "has neither"),
        ({"nce_idt": False}, "lambda_identity needs nce_idt"),
        ({"n_blocks": 2}, "n_blocks 2 ends at 3"),
    ],
)
def test_options_that_do_not_fit_are_refused(wrong: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SinCUT.Config(**wrong)


def test_monet_example_is_srcs_with_weights_of_its_own_and_no_mining(driver) -> None:
    options = {"lambda_hDCE": 4.0, "lambda_SRC": 10.0, "gamma": 200.0, "gamma_min": 40.0, "Hneg": False}
    method = driver.build(SinCUT, loss="src_hdce", loss_options=options, lambda_NCE=1.0, **TINY)
    losses = driver.step(method, 0, batch=4)
    assert {"hDCE", "hDCE_Y", "SRC"} <= losses.keys()
    other = driver.build(SinCUT, loss="src_hdce", loss_options=options | {"lambda_SRC": 5.0}, lambda_NCE=1.0, **TINY)
    torch.testing.assert_close(driver.step(other, 0, batch=4)["SRC"] * 2, losses["SRC"])


CYCLE = {"objective": "cycle", "lambda_identity": 5.0, **TINY}


def test_cycle_is_cyclegan_on_these_networks(driver) -> None:
    method = driver.build(SinCUT, **CYCLE)
    assert method.networks().keys() == {"G", "D", "G_B", "D_B"}
    assert not torch.equal(next(method.netG.parameters()), next(method.netG_B.parameters()))
    losses = driver.step(method, 0, batch=2)
    made, given = method.visuals(), driver.images(0, 2)
    assert losses["cycle"].item() == pytest.approx(10 * (made["rec_A"] - given["A"]).abs().mean().item(), rel=1e-6)
    assert losses["cycle_B"].item() == pytest.approx(10 * (made["rec_B"] - given["B"]).abs().mean().item(), rel=1e-6)
    assert losses["idt"].item() == pytest.approx(5 * (made["idt_B"] - given["B"]).abs().mean().item(), rel=1e-6)
    assert losses["idt_B"].item() == pytest.approx(5 * (made["idt_A"] - given["A"]).abs().mean().item(), rel=1e-6)
    parts = ("G_GAN", "G_GAN_B", "cycle", "cycle_B", "idt", "idt_B")
    assert losses["G"].item() == pytest.approx(sum(losses[name].item() for name in parts), rel=1e-5)
    assert losses["D"].item() == pytest.approx(
        0.5 * (losses["D_fake"] + losses["D_real"]).item() + losses["D_R1"].item(), rel=1e-5
    )


def test_cycle_moves_all_four_networks_and_nothing_else_is_there(driver) -> None:
    method = driver.build(SinCUT, **CYCLE)
    before = {name: parameter.clone() for name, parameter in method.named_parameters()}
    driver.step(method, 0, batch=2)
    driver.step(method, 1, batch=2)
    still = {name for name, parameter in method.named_parameters() if torch.equal(parameter, before[name])}
    assert still == set()
    assert {name.split(".")[0] for name in before} == {"netG", "netD", "netG_B", "netD_B"}
    assert not method.depends_on_epoch
    assert method.translate(torch.zeros(1, 3, 20, 44)).shape == (1, 3, 20, 44)


@pytest.mark.parametrize("options", [{}, {"lambda_identity": 0.0, "tile_size": 16}, {"lambda_R1": 0.0}], ids=str)
def test_cycle_against_a_second_computation(driver, options: dict) -> None:
    method = driver.build(SinCUT, **CYCLE | options).double()
    for name, parameter in method.named_parameters():
        if name.endswith("noise.weight"):
            torch.nn.init.constant_(parameter, 0.3)  # it starts as 0, which hides the noise
    old, images = deepcopy(method), driver.images(0, batch=2, dtype=torch.float64)
    shapes = {stream: (2, 3, 32, 32) for stream in "AB"}
    drawn = method.draw(StepContext(0, 1, 10, method.config.total_epochs, Draws(0).at(0), shapes))
    losses = driver.step(method, 0, batch=2)
    A, B, config = images["A"], images["B"], method.config

    def made(net: torch.nn.Module, given: torch.Tensor, name: str, part: slice = slice(0, 2)) -> torch.Tensor:
        return net(given, [drawn[f"{name}/0"][part].double()])

    def softplus(x: torch.Tensor) -> torch.Tensor:
        return (1 + x.exp()).log().mean()

    def seen(crops: torch.Tensor) -> torch.Tensor:
        side = config.tile_size or 32
        return torch.cat(
            [crops[..., y : y + side, x : x + side] for y in range(0, 32, side) for x in range(0, 32, side)]
        )

    fake_B, fake_A = made(old.netG, A, "noise"), made(old.netG_B, B, "noise_B")
    expected = {
        "G_GAN": softplus(-old.netD(seen(fake_B))),
        "G_GAN_B": softplus(-old.netD_B(seen(fake_A))),
        "cycle": 10 * (made(old.netG_B, fake_B, "noise_rec_A") - A).abs().mean(),
        "cycle_B": 10 * (made(old.netG, fake_A, "noise_rec_B") - B).abs().mean(),
    }
    if config.lambda_identity:
        last = slice(2, 4)
        expected["idt"] = 5 * (made(old.netG, B, "noise", last) - B).abs().mean()
        expected["idt_B"] = 5 * (made(old.netG_B, A, "noise_B", last) - A).abs().mean()
    expected["G"] = sum(expected.values())
    for suffix, netD, real, fake in (("", old.netD, B, fake_B), ("_B", old.netD_B, A, fake_A)):
        shown = seen(real).requires_grad_()
        scores = netD(shown)
        expected[f"D_fake{suffix}"] = softplus(netD(seen(fake.detach())))
        expected[f"D_real{suffix}"] = softplus(-scores)
        expected[f"D{suffix}"] = (expected[f"D_fake{suffix}"] + expected[f"D_real{suffix}"]) / 2
        if config.lambda_R1:
            (gradient,) = torch.autograd.grad(scores.sum(), shown, create_graph=True)
            expected[f"D_R1{suffix}"] = (gradient**2).sum() / len(shown) / 2
            expected[f"D{suffix}"] = expected[f"D{suffix}"] + expected[f"D_R1{suffix}"]
    assert losses.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value.detach(), rtol=1e-9, atol=0, msg=name)
    weights, moved = dict(old.named_parameters()), dict(method.named_parameters())
    objectives = {"netG.": "G", "netG_B.": "G", "netD.": "D", "netD_B.": "D_B"}
    for part, loss in objectives.items():
        names = [name for name in weights if name.startswith(part)]
        gradients = torch.autograd.grad(expected[loss], [weights[name] for name in names], retain_graph=True)
        for name, gradient in zip(names, gradients, strict=True):
            torch.testing.assert_close(moved[name].grad, gradient, rtol=1e-7, atol=1e-10, msg=name)


@pytest.mark.parametrize("check", method_checks())
def test_the_cycle_conforms_as_the_default_does(check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SinCUT, "conformance", SinCUT.conformance | {"objective": "cycle", "n_blocks": 2})
    method_checks()[check]("sincut")


def test_discriminator_of_the_paper_sees_tiles(driver) -> None:
    method = driver.build(SinCUT, **TINY | {"tile_size": 8})
    crops = torch.arange(2 * 3 * 32 * 32).reshape(2, 3, 32, 32).float()
    tiles = method._tiles(crops)
    assert tiles.shape == (32, 3, 8, 8)
    assert torch.equal(tiles[16 + 4 * 1 + 2], crops[1, :, 8:16, 16:24])
    assert all(torch.isfinite(value) for value in driver.step(method, 0, batch=2).values())
