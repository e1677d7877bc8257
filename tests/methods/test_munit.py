from __future__ import annotations

from copy import deepcopy

import pytest
import torch

from bench.checks.replay.replay import replay
from methods.munit import MUNIT, stretched
from methods.networks.munit_generator import MUNITGenerator
from methods.networks.reflect_discriminator import ReflectDiscriminator

RECORDED = {"ngf": 2, "ndf": 2, "mlp_dim": 16}
TINY = {"ngf": 2, "ndf": 2, "mlp_dim": 4, "n_res": 1, "n_layers_D": 2}


def test_two_reference_steps(rival_steps, rival_errors) -> None:
    record = rival_steps("munit")
    result = replay("munit", RECORDED, record)
    assert result.unknown(record) == []
    relative, absolute = rival_errors(result, record)
    assert relative < 1e-12
    assert absolute < 1e-8


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("step0/loss_gen_total", {"gan_w": 2.0}),
        ("step0/loss_gen_total", {"recon_x_w": 1.0}),
        ("step0/loss_gen_total", {"recon_s_w": 2.0}),
        ("step0/loss_gen_total", {"recon_c_w": 2.0}),
        ("step0/loss_gen_total", {"recon_x_cyc_w": 1.0}),
        ("step0/loss_dis_a", {"gan_type": "nsgan"}),
        ("after_step1/gen_a.050.gamma", {"weight_decay": 0.0}),
        ("after_step0/gen_a.012.weight", {"step_size": 1}),
        ("after_step1/gen_a.012.weight", {"step_size": 2}),
    ],
)
def test_the_record_tells_settings_apart(rival_steps, key: str, wrong: dict) -> None:
    record = rival_steps("munit")
    steps = 2 if "step1" in key else 1
    assert replay("munit", RECORDED | wrong, record, steps=steps).compare(record)[key] > 1e-9


def test_contents_are_no_constant_targets(rival_steps, monkeypatch) -> None:
    def detached(x, x_recon, c, c_recon, s, s_recon):
        l1 = torch.nn.functional.l1_loss
        return {"recon_x": l1(x_recon, x), "recon_s": l1(s_recon, s), "recon_c": l1(c_recon, c.detach())}

    monkeypatch.setattr("methods.munit.reconstructions", detached)
    record = rival_steps("munit")
    errors = replay("munit", RECORDED, record, steps=1).compare(record)
    assert errors["step0/loss_gen_total"] < 1e-12
    assert errors["grad_step0/gen_a.012.weight"] > 1e-6


def test_the_rate_falls_by_iterations(driver) -> None:
    method = driver.build(MUNIT, step_size=2, gamma=0.5, **TINY)
    rates = []
    for step in range(4):
        rates.append(method.optimizers()["gen"].param_groups[0]["lr"] / 1e-4)
        driver.step(method, step)
        method.end_epoch()
    assert rates == [1, 0.5, 0.5, 0.25]  # iterations 1, 2, 3, 4
    assert driver.build(MUNIT, step_size=1, **TINY).optimizers()["dis"].param_groups[0]["lr"] == 0.5e-4


def test_cycle_decodes_with_the_style_of_the_original(driver) -> None:
    method = driver.build(MUNIT, recon_x_cyc_w=10.0, **TINY)
    losses = driver.step(method, 0)
    without = driver.step(driver.build(MUNIT, **TINY), 0)
    assert {"gen_cycrecon_x_a", "gen_cycrecon_x_b"} == losses.keys() - without.keys()
    cycles = losses["gen_cycrecon_x_a"] + losses["gen_cycrecon_x_b"]
    assert losses["gen_total"] == pytest.approx(without["gen_total"].item() + 10 * cycles.item(), rel=1e-5)


def test_a_style_makes_the_translation(driver) -> None:
    method = driver.build(MUNIT, **TINY)
    images = driver.images(0, batch=2)["A"]
    styles = method.latents(2, torch.Generator().manual_seed(5))
    made = method.translate(images, styles)
    expected = method.netgen_b.decode(method.netgen_a.enc_content(images), styles)
    assert torch.equal(made, expected)
    assert not torch.allclose(made, method.translate(images, styles.flip(0)))
    assert torch.equal(method.translate(images), method.translate(images))
    one_by_one = torch.cat([method.translate(image) for image in images.split(1)])
    torch.testing.assert_close(method.translate(images), one_by_one)


def test_stretching_is_off_unless_asked_for(driver) -> None:
    method = driver.build(MUNIT, **TINY)
    stretching = driver.build(MUNIT, stretch=True, **TINY)
    images = driver.images(0, batch=2)["A"]
    plain, full = method.translate(images), stretching.translate(images)
    assert plain.amax() < 1
    assert full.amax((1, 2, 3)).tolist() == [1, 1]
    assert full.amin((1, 2, 3)).tolist() == [-1, -1]
    torch.testing.assert_close(full, stretched(plain))
    assert torch.isfinite(stretched(torch.zeros(1, 3, 2, 2))).all()


def test_discriminators_are_updated_first(driver) -> None:
    method = driver.build(MUNIT, **TINY)
    old = deepcopy(method)
    losses = driver.step(method, 0)
    fake = method.visuals()["fake_A"]  # G's step: gen_a was not changed yet, dis_a was
    for netdis, same in ((method.netdis_a, True), (old.netdis_a, False)):
        adversarial = sum((scores - 1).square().mean() for scores in netdis(fake))
        assert (losses["gen_adv_a"].item() == pytest.approx(adversarial.item(), rel=1e-5)) == same


def test_sizes_of_the_published_networks() -> None:
    with torch.device("meta"):
        netG, netD = MUNITGenerator(), ReflectDiscriminator()
    parts = (netG, netG.enc_style, netG.enc_content, netG.dec, netG.mlp, netD)
    counts = [sum(p.numel() for p in part.parameters()) for part in parts]
    assert counts == [15_026_187, 2_764_936, 5_385_856, 5_754_627, 1_120_768, 8_271_171]


def test_initial_weights(driver) -> None:
    method = driver.build(MUNIT, ngf=16, ndf=16, mlp_dim=64, n_res=1)
    conv = method.netgen_a.enc_content.model[1]
    assert conv.weight.detach().std() == pytest.approx((2 / (3 * 49)) ** 0.5, rel=0.1)
    assert conv.bias.abs().max() == 0
    assert method.netdis_a.scales[0][1].weight.detach().std() == pytest.approx(0.02, rel=0.1)
    gamma = method.netgen_a.dec.model[0].norm.gamma.detach()
    assert 0 <= gamma.min() < 0.3 < 0.7 < gamma.max() <= 1


def test_recipes() -> None:
    horse, city = (MUNIT.Config(**MUNIT.recipes[name]) for name in ("horse2zebra", "cityscapes"))
    assert horse.recon_x_cyc_w == city.recon_x_cyc_w == 10
    assert abs(horse.total_epochs * 1334 - 1_000_000) < 1334
    assert abs(city.total_epochs * 2975 - 1_000_000) < 2975
    assert (horse.load_size, horse.crop_size, horse.batch_size, horse.lr) == (256, 256, 1, 1e-4)
