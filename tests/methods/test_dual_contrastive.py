from __future__ import annotations

import re
from copy import deepcopy
from math import log
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from bench.base.randomness import Draws
from bench.plugin.discovery import load_method
from bench.plugin.method import StepContext
from methods.dual_contrastive import DualContrastive, lazy_adam
from methods.losses.dual_contrastive import dual_contrastive

REFERENCE = {  # the records' configuration
    "crop_size": 32, "load_size": 32, "batch_size": 4, "channel_base": 512, "channel_max": 16, "z_dim": 16, "w_dim": 16,
    "self_attention": None, "style_mixing": 0.0, "noise": "const", "r1_gamma": 10.0,
}  # fmt: skip
TINY = DualContrastive.conformance


def build(seed: int = 0, **changes: Any) -> DualContrastive:
    return DualContrastive(DualContrastive.Config(**(TINY | changes)), Draws(seed))


def batch(method: DualContrastive, step: int = 0) -> dict[str, Tensor]:
    side = method.config.crop_size
    return {s: Draws(1).at(step).normal(s, (method.config.batch_size, 3, side, side)).tanh() for s in method.streams}


def step(method: DualContrastive, number: int = 0, **entries: Tensor) -> dict[str, Tensor]:
    context = StepContext(number, 1, 100, 1, Draws(0).at(number))
    return method.training_step(batch(method, number) | entries, context)


def gradients(method: DualContrastive, which: str) -> dict[str, Tensor]:
    return {name: p.grad for name, p in method.networks()[which].named_parameters() if p.grad is not None}


# ---- against reference networks, losses and gradients


@pytest.mark.parametrize(
    ("record", "changes", "loss_G", "grad_G"),
    [
        ("adv_logistic_ns", {"adversarial_loss": "logistic"}, "loss_G", "gradG"),
        ("adv_dual_contrastive_g32d32", {"generator_loss": "minimax"}, "loss_G_minimax", "gradG_minimax"),
        ("adv_dual_contrastive_g32d32", {"generator_loss": "swap"}, "loss_G_swap", "gradG_swap"),
    ],
)
def test_reference_losses_and_gradients(
    stylegan2_golden, reference_generator, reference_discriminator, record, changes, loss_G, grad_G
) -> None:
    g = stylegan2_golden(f"{record}.npz")
    z, reals = stylegan2_golden("g32_io.npz")["z"], stylegan2_golden("d32_io.npz")["images"]
    config = DualContrastive.Config(**(REFERENCE | changes | {"batch_size": 8}))

    for player, loss, grad in (("G", loss_G, grad_G), ("D", "loss_D", "gradD")):
        method = DualContrastive(config, Draws(0)).double()
        method.netG.load_state_dict(reference_generator().state_dict())
        method.netD.load_state_dict(reference_discriminator().state_dict())
        update = method._update_generator if player == "G" else method._update_discriminator
        losses = update({"B": reals}, {f"z_{player}": z})
        torch.testing.assert_close(losses[player].detach(), g[loss], rtol=1e-9, atol=1e-12)
        if player == "D":
            for kind in ("fake", "real"):
                found = losses[f"D_{kind}"].detach()
                torch.testing.assert_close(found, g[f"{kind}_logits"].mean(), rtol=1e-9, atol=1e-12)
        network = method.networks()[player]
        expected = {name: g[f"{grad}__{name}"] for name, _ in network.named_parameters()}
        for name, found in gradients(method, player).items():
            # D's last bias has no gradient under the dual contrastive loss, only rounding noise
            torch.testing.assert_close(found, expected.pop(name), rtol=1e-8, atol=1e-10, msg=name)
        assert not expected


def test_reference_schedule(stylegan2_golden) -> None:
    g = stylegan2_golden("schedule.npz")
    config = DualContrastive.Config()
    for player, interval in (("G", 4), ("D", 16)):
        group = lazy_adam([torch.nn.Parameter(torch.zeros(()))], config, interval).param_groups[0]
        assert group["lr"] == pytest.approx(float(g[f"{player}_lr"]), rel=1e-12)
        assert group["betas"] == pytest.approx((float(g[f"{player}_beta1"]), float(g[f"{player}_beta2"])), rel=1e-12)
    method = build()
    assert method.optimizers()["D"].param_groups[0]["lr"] == pytest.approx(0.002 * 2 / 3)
    without = build(pl_weight=0.0, r1_gamma=0.0)
    assert [o.param_groups[0]["lr"] for o in without.optimizers().values()] == [0.002, 0.002]


# ---- the order and content of a step


def test_losses_of_a_step_and_the_turns_of_the_regularisers() -> None:
    method = build(pl_interval=4, r1_interval=3)
    names = [set(step(method, number)) for number in range(7)]
    assert ["pl" in n for n in names] == [True, False, False, False, True, False, False]
    assert ["r1" in n for n in names] == [True, False, False, True, False, False, True]
    assert names[1] == {"G", "G_fake", "D", "D_real", "D_fake", "pl_mean"}


@pytest.mark.parametrize("loss", ["minimax", "swap"])
def test_generator_is_updated_first_and_against_constant_reals(loss: str) -> None:
    method = build(generator_loss=loss, reference_attention=None, pl_weight=0.0, r1_gamma=0.0)
    before = deepcopy(method)
    losses = step(method)
    reals = batch(method)["B"]
    f, r = before.netD(method.visuals()["fake_B"]), before.netD(reals)
    expected = dual_contrastive(f, r) if loss == "swap" else -dual_contrastive(r, f)
    assert losses["G"].item() == pytest.approx(expected.item(), rel=1e-5)
    # D's fakes are made by the updated G from latents of their own
    assert losses["D"].item() != pytest.approx(-expected.item() if loss == "minimax" else expected.item(), rel=1e-4)


def test_fresh_reals_for_the_generator() -> None:
    method = build(generator_reals="fresh", reference_attention=None)
    assert method.streams == ("B", "B.contrast")
    same = build(reference_attention=None)
    images = batch(method)["B"]
    one, two = step(method, **{"B.contrast": images}), step(same)
    assert one["G"] == two["G"]
    assert step(build(generator_reals="fresh", reference_attention=None))["G"] != two["G"]


def test_contrast_batch_changes_the_loss_at_equal_logits() -> None:
    losses = {}
    for group in (None, 4):
        method = build(batch_size=8, contrast_batch=group, reference_attention=None)
        method.netD.b4.out.weight.data.zero_()
        losses[group] = step(method)["D"].item()
    assert losses == {None: pytest.approx(2 * log(9)), 4: pytest.approx(2 * log(5))}


def test_references_pair_by_index_and_are_constants_for_the_generator() -> None:
    method = build(pl_weight=0.0, r1_gamma=0.0)
    assert method.streams == ("B", "B.reference_G", "B.reference_D")
    before = deepcopy(method)
    images = batch(method)
    losses = step(method)
    features = before.netD.reference_features(images["B.reference_G"])
    f, r = before.netD(method.visuals()["fake_B"], features), before.netD(images["B"], features)
    assert losses["G"].item() == pytest.approx(-dual_contrastive(r, f).item(), rel=1e-5)
    other = build(pl_weight=0.0, r1_gamma=0.0)
    changed = step(other, **{"B.reference_D": images["B.reference_D"].flip(0)})
    assert changed["G"] == losses["G"]
    assert changed["D"] != losses["D"]


def test_rolled_references_need_no_further_images() -> None:
    method = build(reference_pairing="roll")
    assert method.streams == ("B",)
    images = batch(method)["B"]
    assert torch.equal(method._reference_images({"B": images}, "G"), images[[3, 0, 1, 2]])


def test_r1_of_references() -> None:
    fixed, both = (step(build(r1_reference=which))["r1"] for which in ("fixed", "both"))
    assert both > fixed > 0


def test_regularisation_steps_move_every_parameters_average() -> None:
    method = build()
    step(method)
    for optimizer in method.optimizers().values():
        counts = {int(state["step"]) for state in optimizer.state_dict()["state"].values()}
        assert counts == {2}  # the loss and the regularisation


def test_style_mixing_takes_later_layers_from_another_latent() -> None:
    method = build(style_mixing=1.0, noise="const")
    drawn = method._draw_images("z_G", 2, Draws(3).at(0))
    _, ws = method._synthesise("z_G", drawn)
    again = Draws(3).at(0)
    cutoff = 1 + again.integer("z_G.cutoff", method.netG.num_ws - 1)
    first, second = (method.netG.mapping(again.normal(purpose, (2, 16))) for purpose in ("z_G", "z_G.other"))
    for layer in range(method.netG.num_ws):
        torch.testing.assert_close(ws[:, layer], first if layer < cutoff else second)


def test_a_step_without_mixing_has_the_same_shapes_and_the_gradients_of_one_pass() -> None:
    usual, mixed = build(style_mixing=0.0), build(style_mixing=1e-12)
    names = {name for name in mixed.draw(StepContext(0, 1, 9, 1, Draws(0).at(0), {"B": (4, 3, 16, 16)}))}
    assert {"z_G.other", "z_G.cutoff", "z_pl.other", "z_D.cutoff"} <= names
    for number in range(2):
        one, two = step(usual, number), step(mixed, number)
        assert all(torch.equal(one[name], two[name]) for name in one)
        for (name, left), (_, right) in zip(usual.named_gradients(), mixed.named_gradients(), strict=True):
            assert torch.equal(left, right), name
    assert all(torch.equal(a, b) for a, b in zip(usual.parameters(), mixed.parameters(), strict=True))


def test_the_phases_are_the_turns_of_the_regularisers() -> None:
    method = build(pl_interval=2, r1_interval=3)
    phases = [method.phase(StepContext(number, 1, 9, 1, Draws(0)), {}) for number in range(7)]
    assert phases == ["main+pl+r1", "main", "main+pl", "main+r1", "main+pl", "main", "main+pl+r1"]


def test_average_of_w_moves_with_every_pass_but_not_with_the_mixed_in_latent() -> None:
    method = build(style_mixing=1.0)
    seen = []
    update = method.netG.mapping.update_average
    method.netG.mapping.update_average = lambda w: (seen.append(len(w)), update(w))
    step(method)  # G, path lengths of half a batch, D
    assert seen == [4, 2, 4]


def test_average_of_the_generator() -> None:
    method = build(ema_kimg=0.004)  # a half-life of one batch
    start = deepcopy(method.netG)
    step(method)
    for old, new, average in zip(
        start.parameters(), method.netG.parameters(), method.netG_ema.parameters(), strict=True
    ):
        torch.testing.assert_close(average, (old + new) / 2)
    assert torch.equal(method.netG_ema.mapping.w_avg, method.netG.mapping.w_avg)


@pytest.mark.parametrize(("images", "kimg"), [(32, 10), (64, 20), (16, 5), (8, 10)])
def test_reference_averages(stylegan2_golden, images: int, kimg: int) -> None:
    method = build(ema_kimg=float(kimg)).double()
    with torch.no_grad():
        for average, parameter in zip(method.netG_ema.parameters(), method.netG.parameters(), strict=True):
            average.fill_(1.0)
            parameter.zero_()
    method._average_generator(images)
    beta = stylegan2_golden("schedule.npz")[f"ema_beta_batch{images}_halflife{kimg}kimg"].item()
    assert next(method.netG_ema.parameters()).flatten()[0].item() == pytest.approx(beta, rel=1e-12)


def test_non_finite_gradients_do_not_reach_the_weights() -> None:
    method = build(pl_weight=0.0, r1_gamma=0.0)
    method.netD.b4.out.bias.register_hook(lambda gradient: gradient * float("nan"))
    step(method)
    assert all(bool(p.isfinite().all()) for p in method.netD.parameters())


def test_last_bias_of_the_discriminator_does_not_matter() -> None:
    method = build(r1_gamma=0.0)
    step(method)
    gradient = method.netD.b4.out.bias.grad.abs().item()
    assert gradient < 1e-6 * method.netD.b4.out.weight.grad.abs().max().item()


# ---- images


def test_generates_with_the_average_and_from_the_stream_alone() -> None:
    method = build()
    step(method)
    one = method.generate(3, torch.Generator().manual_seed(5))
    assert one.shape == (3, 3, 16, 16)
    assert one.abs().max() <= 1
    assert torch.equal(one, method.generate(3, torch.Generator().manual_seed(5)))
    with torch.no_grad():
        for parameter in method.netG.parameters():
            parameter.zero_()
    assert torch.equal(one, method.generate(3, torch.Generator().manual_seed(5)))


# ---- options


def test_defaults_are_config_e_at_128() -> None:
    config = DualContrastive.Config()
    assert config.n_epochs * config.images_per_epoch == 25_000_000
    assert config.images_per_epoch % config.batch_size == 0
    assert (config.channel_base, config.lr, config.r1_gamma, config.ema_kimg) == (16384, 0.002, 100.0, 10.0)
    assert (config.self_attention, config.reference_attention, config.adversarial_loss) == (
        32,
        None,
        "dual_contrastive",
    )
    assert config.streams() == ("B",)


def test_every_decision_about_the_method_is_an_option_that_says_what_is_not_known() -> None:
    """D1 to D18; those about data, metrics, protocols and other backbones have their place in the method's page."""
    described = " ".join(field.description or "" for field in DualContrastive.Config.model_fields.values())
    assert [n for n in range(1, 19) if f"[D{n}]" not in described] == []
    page = Path("docs/dual-contrastive-decisions.md").read_text(encoding="utf-8")
    assert [n for n in range(1, 29) if not re.search(rf"\bD{n}\b", page)] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"self_attention_modulated": True},
        {"self_attention_activated": False},
        {"reference_attention_activated": False},
        {"san_equalised": False},
    ],
)
def test_attention_options_reach_their_networks(changes: dict[str, Any]) -> None:
    """One step in the other reading of D11, D12 and D18 ends somewhere else, and every parameter has a part in it."""
    usual, other = build(), build(**changes)
    for method in (usual, other):
        step(method)
        step(method, 1)
    drawn = [method.generate(2, torch.Generator().manual_seed(0)) for method in (usual, other)]
    judged = [
        method.netD(batch(usual)["B"], method.netD.reference_features(batch(usual)["B"])) for method in (usual, other)
    ]
    assert not torch.equal(judged[0], judged[1])
    assert "reference_attention_activated" in changes or not torch.equal(drawn[0], drawn[1])
    for name, optimizer in other.optimizers().items():
        moved = [bool(optimizer.state[p]["exp_avg_sq"].any()) for p in optimizer.param_groups[0]["params"]]
        assert sum(moved) >= len(moved) - 1, name  # D's last bias has no gradient under this loss


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop_size": 48}, "crop_size: 48 is no power of two; use 32"),
        ({"self_attention": 256}, "self_attention: 256 is no resolution"),
        ({"self_attention": 4, "san_kernel": 9}, "san_kernel: 9 is too large for self_attention at 4"),
        ({"san_kernel": 6}, "san_kernel: 6 has no centre"),
        ({"batch_size": 6}, "mbstd_group: 4 does not divide batch_size 6"),
        ({"contrast_batch": 5}, "contrast_batch: 5 does not divide batch_size 32"),
    ],
)
def test_wrong_options_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DualContrastive.Config(**changes)


def test_is_found_by_name() -> None:
    assert load_method("dual_contrastive") is DualContrastive
