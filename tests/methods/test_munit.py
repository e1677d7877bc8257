from __future__ import annotations

from copy import deepcopy

import plain_networks as plain
import pytest
import torch

from bench.base.errors import NotAvailable
from bench.base.randomness import Draws
from bench.checks.replay.replay import replay
from bench.plugin.method import StepContext
from methods.munit import MUNIT, VGG16_FILE, stretched
from methods.networks.caffe_vgg16 import CaffeVGG16
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


def l1(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (x - y).abs().sum() / x.numel()


def judged(scores: list[torch.Tensor], target: float, gan_type: str) -> torch.Tensor:
    """The adversarial term, summed over scales."""
    if gan_type == "lsgan":
        return sum(((score - target) ** 2).mean() for score in scores)
    return -sum((score if target else -score).sigmoid().log().mean() for score in scores)


def objectives(old: MUNIT, new: MUNIT, x: dict[str, torch.Tensor], drawn: dict[str, torch.Tensor]) -> dict:
    """Both objectives and their parts, written once more; gen and VGG as before the step, dis as after its update."""
    config = old.config
    gen = {"a": old.netgen_a, "b": old.netgen_b}
    dis = {"a": (old.netdis_a, new.netdis_a), "b": (old.netdis_b, new.netdis_b)}
    weights = {
        "adv": config.gan_w,
        "recon_x": config.recon_x_w,
        "recon_s": config.recon_s_w,
        "recon_c": config.recon_c_w,
    }
    weights |= {"cycrecon_x": config.recon_x_cyc_w, "vgg": config.vgg_w}
    codes = {d: gen[d].encode(x[d]) for d in "ab"}
    losses = {}
    for d, o in (("a", "b"), ("b", "a")):
        with torch.no_grad():
            earlier = gen[d].decode(codes[o][0], drawn[f"dis.s_{d}"])
        before, after = dis[d]
        losses[f"dis_{d}"] = judged(before(earlier), 0, config.gan_type) + judged(before(x[d]), 1, config.gan_type)
        made = gen[d].decode(codes[o][0], drawn[f"gen.s_{d}"])
        content, style = gen[d].encode(made)  # of o, and of d
        parts = {
            f"adv_{d}": judged(after(made), 1, config.gan_type),
            f"recon_x_{d}": l1(gen[d].decode(*codes[d]), x[d]),
            f"recon_s_{d}": l1(style, drawn[f"gen.s_{d}"]),
            f"recon_c_{o}": l1(content, codes[o][0]),
        }
        if config.recon_x_cyc_w:
            parts[f"cycrecon_x_{o}"] = l1(gen[o].decode(content, codes[o][1]), x[o])
        if config.vgg_w:
            seen = [plain.caffe_relu5_3(image, plain.weights_of(old.vgg)) for image in (made, x[o])]
            parts[f"vgg_{d}"] = (plain.instance_norm(seen[0]) - plain.instance_norm(seen[1])).square().mean()
        losses |= {f"gen_{name}": value for name, value in parts.items()}
    losses["dis_total"] = config.gan_w * (losses["dis_a"] + losses["dis_b"])
    in_total = {name: value for name, value in losses.items() if name.startswith("gen_")}
    losses["gen_total"] = sum(weights[name[4:-2]] * value for name, value in in_total.items())
    return losses


@pytest.mark.parametrize(
    "options",
    [
        {"gan_type": "nsgan", "gan_w": 2.0},
        {"recon_x_cyc_w": 10.0, "batch": 2},
        {"vgg_w": 1.0, "vgg_nc": (2, 3, 4, 5, 6)},
        {"num_scales": 1, "n_downsample": 1, "style_dim": 3, "batch": 3, "recon_s_w": 5.0},
    ],
    ids=str,
)
def test_every_option_against_a_second_computation(driver, options: dict) -> None:
    batch = options.pop("batch", 1)
    method = driver.build(MUNIT, **TINY | options).double()
    with torch.no_grad():
        for weight in (p for net in (method.netdis_a, method.netdis_b) for p in net.parameters() if p.ndim == 4):
            weight.mul_(0.3 / weight.std())
    old, images = deepcopy(method), driver.images(0, batch=batch, dtype=torch.float64)
    shapes = {name: tuple(image.shape) for name, image in images.items()}
    drawn = method.draw(StepContext(0, 1, 10, 1, Draws(0).at(0), shapes))
    drawn = {name: style.double() for name, style in drawn.items()}
    losses = method.step(images, drawn, "")
    expected = objectives(old, method, {"a": images["A"], "b": images["B"]}, drawn)
    assert losses.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value.detach(), rtol=1e-9, atol=0, msg=name)
    for side in ("dis", "gen"):
        before, after = (
            [p for name, net in one.networks().items() if name.startswith(side) for p in net.parameters()]
            for one in (old, method)
        )
        gradients = torch.autograd.grad(expected[f"{side}_total"], before, retain_graph=True)
        for parameter, gradient in zip(after, gradients, strict=True):
            torch.testing.assert_close(parameter.grad, gradient, rtol=1e-7, atol=1e-9)


def test_the_perceptual_loss_needs_the_programs_own_file(driver, tmp_path) -> None:
    assert MUNIT.weight_files(MUNIT.Config()) == []
    assert MUNIT.weight_files(MUNIT.Config(vgg_w=1.0)) == [VGG16_FILE]
    assert MUNIT.weight_files(MUNIT.Config(vgg_w=1.0, vgg_nc=(2, 3, 4, 5, 6))) == []
    with pytest.raises(NotAvailable, match=r"vgg16\.weight"):
        VGG16_FILE.find(tmp_path)
    official = CaffeVGG16(generator=torch.Generator().manual_seed(1))
    assert next(iter(official.state_dict())) == "conv1_1.weight"
    torch.save(official.state_dict(), tmp_path / "vgg16.weight")
    method = driver.build(MUNIT, vgg_w=1.0, **TINY)
    before = [p.clone() for p in method.vgg.parameters()]
    method.load_pretrained(tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(method.vgg.parameters(), official.parameters(), strict=True))
    assert not torch.equal(before[0], next(method.vgg.parameters()))
    assert list(method.networks()) == ["gen_a", "gen_b", "dis_a", "dis_b", "VGG"]
    assert not any(p.requires_grad for p in method.vgg.parameters())


def test_options_of_the_perceptual_loss_are_written_down_only_where_it_is_used() -> None:
    assert not [name for name in MUNIT.Config().model_dump() if name.startswith("vgg")]
    used = MUNIT.Config(vgg_w=1.0)
    assert MUNIT.Config.model_validate(used.model_dump(mode="json")) == used
