"""StarGAN v2 against recorded iterations of the originals, each option against a second computation, and its promises."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from stargan_steps import RECORDED, TOTAL_STEPS, stargan_steps
from torch import Tensor
from torch.nn import functional as F

import methods.stargan_v2 as module
from bench.base.errors import BenchError
from bench.base.randomness import Draws
from bench.checks.replay.replay import Replay, replay
from bench.plugin.method import StepContext
from methods.losses.style_diversification import diversity_weight
from methods.stargan_v2 import StarGANv2
from methods.stargan_v2_config import StarGANv2Config

DUMMIES = Path(__file__).parent / "dummy_losses.py"
TINY: dict[str, Any] = {
    "crop_size": 32, "load_size": 32, "batch_size": 2, "base_dim": 4, "max_conv_dim": 8, "hidden_dim": 8, "latent_dim": 4,
    "style_dim": 6, "netF_nc": 16, "num_patches": 8,
}  # fmt: skip


@pytest.fixture(scope="module", params=RECORDED)
def recorded(request) -> tuple[str, dict[str, Tensor]]:
    return request.param, stargan_steps(request.param)


def again(name: str, record: dict[str, Tensor], steps: int | None = None, **changes: Any) -> Replay:
    return replay("stargan_v2", RECORDED[name] | changes, record, total_steps=TOTAL_STEPS, steps=steps)


def test_two_recorded_iterations(recorded) -> None:
    name, record = recorded
    result = again(name, record)
    assert result.unknown(record) == []
    errors = result.compare(record)
    assert len(errors) > 500
    assert max(errors.values()) < 1e-8


@pytest.mark.parametrize(
    ("name", "key", "wrong"),
    [
        ("stargan_v2", "grad_step0_d_latent/D.000.weight", {"lambda_reg": 2.0}),
        ("stargan_v2", "step1/loss_g_latent_total", {"ds_iter": 50}),
        ("stargan_v2", "after_step0/D.001.bias", {"weight_decay": 0.0}),
        ("stargan_v2", "after_step0/M.008.weight", {"f_lr": 1e-4}),
        ("stargan_v2", "after_step0/G_ema.000.weight", {"ema_decay": 0.99}),
        ("stargan_src_released", "step0/loss_g_latent_src", {"nce_layers": (0, 1, 2, 3, 4)}),
        ("stargan_src_released", "step1/loss_g_latent_patch", {"loss_options": {"gamma_end": 10}}),
        ("stargan_src_released", "step0/loss_g_reference_patch", {"nce_T": 0.1}),
    ],
)
def test_the_record_tells_settings_apart(name: str, key: str, wrong: dict[str, Any]) -> None:
    record = stargan_steps(name)
    errors = again(name, record, steps=2 if "step1" in key else 1, **wrong).compare(record)
    assert errors[key] > 1e-9


def gradients(errors: dict[str, float]) -> float:
    return max(error for key, error in errors.items() if key.startswith("grad_"))


def test_the_records_tell_mistakes_apart(monkeypatch) -> None:
    """Of those that the records are known to notice, each once."""
    original, released = (stargan_steps(name) for name in RECORDED)
    with monkeypatch.context() as patched:  # both images of a pair get a gradient
        patched.setattr(
            module, "style_diversification", lambda made, other: F.l1_loss(made, other - made + made.detach())
        )
        assert gradients(again("stargan_v2", original, steps=1).compare(original)) > 1e-3
    with monkeypatch.context() as patched:  # styles are constant targets
        patched.setattr(module, "style_reconstruction", lambda found, given: F.l1_loss(found, given.detach()))
        assert gradients(again("stargan_v2", original, steps=1).compare(original)) > 1e-3
    with monkeypatch.context() as patched:  # a reference phase that trains everything
        patched.setattr(StarGANv2, "_still", lambda self, stepped: [self.netD])
        errors = again("stargan_v2", original, steps=1).compare(original)
        assert max(error for key, error in errors.items() if key.startswith("grad_step0/E.")) > 1e-3
    with monkeypatch.context() as patched:  # query and key the other way round
        forward = StarGANv2._pair
        patched.setattr(StarGANv2, "_pair", lambda self, netF, q, k, *rest: forward(self, netF, k, q, *rest))
        assert gradients(again("stargan_src_released", released, steps=1).compare(released)) > 1e-3
    with monkeypatch.context() as patched:  # averages that start as the trained networks
        same = dict(original)
        for key in [key for key in same if key.startswith("init/") and "_ema." in key]:
            same[key] = same[key.replace("_ema", "")]
        errors = again("stargan_v2", same, steps=1).compare(original)
        assert errors["after_step0/G_ema.000.weight"] > 1e-3


def batch_of(config: StarGANv2Config, seed: int, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shape = (config.batch_size, 3, config.crop_size, config.crop_size)
    batch = {name: (torch.rand(shape, generator=generator) * 2 - 1).to(dtype) for name in ("x_src", "x_ref", "x_ref2")}
    for name in ("y_src", "y_ref"):
        batch[name] = torch.randint(config.num_domains, (config.batch_size,), generator=generator)
    return batch


def context_at(step: int, batch: dict[str, Tensor], total: int = 10) -> StepContext:
    return StepContext(step, 1, total, 1, Draws(0).at(step)).with_shapes(batch)


def built(seed: int = 0, **options: Any) -> StarGANv2:
    return StarGANv2(StarGANv2Config(**TINY | options), Draws(seed))


def objectives(old: StarGANv2, new: StarGANv2, batch: dict[str, Tensor], drawn: dict[str, Tensor]) -> dict[str, Tensor]:
    """Losses of the last updates of D and of G, written once more from the description.

    Args:
        old: before the iteration; new: G, M, E and D after it.
        batch, drawn: of the iteration.
    """
    c, x, y, y_src = old.config, batch["x_src"], batch["y_ref"], batch["y_src"]
    losses = {}
    s, s2 = old.netM(drawn["z"], y), old.netM(drawn["z2"], y)
    fake = old.netG(x, s)
    D = new.netD  # both updates of D are over when G is graded
    losses["adv"] = -torch.log(torch.sigmoid(D(fake, y))).mean()
    losses["sty"] = (old.netE(fake, y) - s).abs().sum() / s.numel()
    with torch.no_grad():
        other = old.netG(x, s2)
    losses["ds"] = (fake - other).abs().sum() / fake.numel()
    back = old.netG(x if c.variant == "released" else fake, old.netE(x, y_src))
    losses["cyc"] = (back - x).abs().sum() / x.numel()
    weight = drawn["lambda_ds"]
    losses["total"] = (
        losses["adv"] + c.lambda_sty * losses["sty"] - weight * losses["ds"] + c.lambda_cyc * losses["cyc"]
    )
    if c.loss is not None:
        query_of, key_of = (x, fake) if c.variant == "released" else (fake, x)
        ids = [drawn[f"nce.ids/latent/{index}"] for index in range(len(c.layers))]
        src, hdce, reported = [], [], []
        queries, keys = (old.netF(old.netG.features(of, c.layers), ids) for of in (query_of, key_of))
        for query, key in zip(queries, (key.detach() for key in keys), strict=True):
            terms = [
                patch_terms(q, k, float(drawn["nce/latent/translation/divisor"]))
                for q, k in zip(query, key, strict=True)
            ]
            src.append(sum(term[0] for term in terms))
            hdce.append(torch.cat([term[1] for term in terms]).mean())
            reported.append(torch.cat([term[2] for term in terms]).mean())
        o = c.loss_options
        losses["SRC"] = c.lambda_NCE * o["lambda_src"] * sum(src) / len(src)
        losses["hDCE"] = c.lambda_NCE * o["lambda_dce"] * sum(hdce) / len(hdce)
        losses["hDCE_reported"] = o["lambda_dce"] * sum(reported) / len(reported)
        losses["total"] = losses["total"] + losses["SRC"] + losses["hDCE"]
    return losses


def patch_terms(q: Tensor, k: Tensor, gamma: float) -> tuple[Tensor, Tensor, Tensor]:
    """Jensen-Shannon divergence, decoupled contrast and logged cross entropy of one image's patches."""
    a, b = (rows @ rows.T for rows in (x / (x.norm(dim=1, keepdim=True) + 1e-7) for x in (q, k)))
    similarity = b
    a, b = a.exp() / a.exp().sum(1, keepdim=True), b.exp() / b.exp().sum(1, keepdim=True)
    m = (a + b) / 2
    divergence = (0.5 * a * (a / m).log() + 0.5 * b * (b / m).log()).sum()
    eye = torch.eye(len(q), dtype=torch.bool)
    hardness = (similarity.masked_fill(eye, -10) / gamma).softmax(1)
    hardness = hardness / hardness.amax(1, keepdim=True)
    logits, positive = (hardness * (q @ k.T)).masked_fill(eye, -10), (q * k).sum(1, keepdim=True)
    decoupled = ((logits - positive) / 0.07).exp().sum(1).log()
    return divergence, decoupled, -torch.cat([positive, logits], 1).div(0.07).log_softmax(1)[:, 0]


@pytest.mark.parametrize(
    "options",
    [
        {"num_domains": 4, "batch_size": 3, "lambda_sty": 0.5, "lambda_cyc": 3.0, "ds_iter": 3},
        {"crop_size": 64, "max_conv_dim": 16, "hidden_dim": 5, "latent_dim": 3, "lambda_reg": 0.2},
        {"w_hpf": 1.0},
        {"variant": "paper", "lambda_NCE": 0.7},
        {
            "variant": "paper",
            "nce_layers": (0, 2),
            "loss_options": {"lambda_src": 0.3, "lambda_dce": 2.0, "gamma_end": 5.0},
        },
        {"variant": "released", "num_domains": 5, "num_patches": 20, "loss_options": {"use_curriculum": False}},
    ],
    ids=str,
)
def test_every_option_against_a_second_computation(options: dict[str, Any]) -> None:
    method = built(**options).double()
    batch = batch_of(method.config, 1)
    drawn = {name: t.double() if t.is_floating_point() else t for name, t in method.draw(context_at(2, batch)).items()}
    assert float(drawn["lambda_ds"]) == diversity_weight(2, 2.0, method.config.ds_iter or 10)
    old = deepcopy(method)
    losses = method.step(batch, drawn, "step")
    expected = objectives(old, method, batch, drawn)
    for name, value in expected.items():
        torch.testing.assert_close(losses[f"g_latent_{name}"], value.detach(), rtol=1e-8, atol=1e-12, msg=name)
    nets = [name for name in ("G", "M", "E", "F") if name in old.networks()]
    weights = [p for name in nets for p in old.networks()[name].parameters()]
    found = method.update_gradients()["g_latent"]
    places = [p for name in nets for p in method.networks()[name].parameters()]
    # weights have moved since, but what was remembered are the first update's gradients
    for place, gradient in zip(places, torch.autograd.grad(expected["total"], weights, allow_unused=True), strict=True):
        if gradient is None:
            assert place not in found
        else:
            torch.testing.assert_close(found[place], gradient, rtol=1e-6, atol=1e-9)


def test_references_train_the_generator_alone() -> None:
    method = built(variant="paper")
    batch = batch_of(method.config, 0, torch.float32)
    method.training_step(batch, context_at(0, batch))
    updates = method.update_gradients()
    names = {
        update: {name for name, net in method.networks().items() if any(p in updates[update] for p in net.parameters())}
        for update in updates
    }
    assert names == {
        "d_latent": {"D"}, "d_reference": {"D"}, "g_latent": {"G", "M", "E", "F"}, "g_reference": {"G"}
    }  # fmt: skip
    assert list(updates) == ["d_latent", "d_reference", "g_latent", "g_reference"]


def test_heads_of_absent_domains_move_by_the_decay_alone() -> None:
    method = built(num_domains=4)
    batch = batch_of(method.config, 0, torch.float32) | {"y_src": torch.tensor([0, 0]), "y_ref": torch.tensor([1, 1])}
    before = deepcopy(method)
    method.training_step(batch, context_at(0, batch))
    for network, lr in (("netM", 1e-6), ("netE", 1e-4)):
        old, new = before.get_submodule(f"{network}.unshared.3"), method.get_submodule(f"{network}.unshared.3")
        moved = next(new.parameters()) - next(old.parameters())
        # the decay's size cancels in Adam: a whole step towards zero
        assert moved.abs().median().item() == pytest.approx(lr, rel=0.05)
        assert (moved * next(old.parameters())).max() <= 0
    without = built(num_domains=4, weight_decay=0.0)
    before = deepcopy(without)
    without.training_step(batch, context_at(0, batch))
    assert torch.equal(*(next(one.get_submodule("netE.unshared.3").parameters()) for one in (before, without)))


def test_the_averages_start_from_another_draw_and_follow() -> None:
    method = built()
    assert not torch.allclose(method.netG.from_rgb.weight, method.netG_ema.from_rgb.weight, atol=1e-3)
    bound = method.netG_ema.from_rgb.weight[0].numel() ** -0.5  # torch's own draw is bounded, Kaiming's normal is not
    assert method.netG_ema.from_rgb.weight.abs().max() <= bound
    assert method.netG.from_rgb.bias.abs().max() == 0 < method.netG_ema.from_rgb.bias.abs().max()
    assert method.netG.encode[0].norm1.weight.tolist() == method.netG_ema.encode[0].norm1.weight.tolist() == [1.0] * 4
    before = deepcopy(method)
    batch = batch_of(method.config, 0, torch.float32)
    method.training_step(batch, context_at(0, batch))
    for name in ("netG", "netM", "netE"):
        old, trained, new = (
            next(one.get_submodule(place).parameters())
            for one, place in ((before, f"{name}_ema"), (method, name), (method, f"{name}_ema"))
        )
        torch.testing.assert_close(new, 0.999 * old + 0.001 * trained)


def test_the_learning_rate_stays() -> None:
    method = built()
    assert {name: o.param_groups[0]["lr"] for name, o in method.optimizers().items()} == {
        "G": 1e-4, "M": 1e-6, "E": 1e-4, "D": 1e-4
    }  # fmt: skip
    assert method.schedulers() == {}
    assert StarGANv2Config().n_epochs * StarGANv2Config().images_per_epoch / StarGANv2Config().batch_size == 100_000


def test_translating_by_latents_and_by_references() -> None:
    method = built(num_domains=3)
    batch = batch_of(method.config, 0, torch.float32)
    domain = torch.tensor([2, 0])
    latents = method.latents(2, torch.Generator().manual_seed(1))
    drawn, found = method.styles(latents, domain), method.styles_of(batch["x_ref"], domain)
    assert drawn.shape == found.shape == (2, 6)
    torch.testing.assert_close(drawn, method.netM_ema(latents, domain))
    torch.testing.assert_close(found, method.netE_ema(batch["x_ref"], domain))
    made = method.translate(batch["x_src"], domain, 100 * drawn)
    assert made.abs().max() <= 1
    assert not torch.allclose(
        method.translate(batch["x_src"], domain, drawn), method.translate(batch["x_src"], domain, found)
    )


@pytest.mark.parametrize("variant", ["original", "released"])
def test_a_loss_of_ones_own_with_an_adversary(variant: str) -> None:
    method = built(variant=variant, loss=f"{DUMMIES}:Adversarial")
    assert list(method.networks()) == ["G", "M", "E", "D", "G_ema", "M_ema", "E_ema", "F", "N", "F_"]
    batch = batch_of(method.config, 0, torch.float32)
    makers = [p.clone() for p in method.loss.adversary_parameters()]
    G = deepcopy(method.netG)
    losses = method.training_step(batch, context_at(0, batch))
    assert {"g_latent_NCE", "g_reference_NCE"} <= losses.keys()
    assert all(not torch.equal(old, new) for old, new in zip(makers, method.loss.adversary_parameters(), strict=True))
    assert int(method.loss.updates) == 1  # once an iteration
    assert not torch.equal(G.from_rgb.weight, method.netG.from_rgb.weight)


def test_a_loss_that_learns_is_trained_with_the_heads() -> None:
    method = built(loss=f"{DUMMIES}:Weighted")
    batch = batch_of(method.config, 0, torch.float32)
    method.training_step(batch, context_at(0, batch))
    assert method.loss.weights.detach().abs().max() > 0
    method = built(loss=f"{DUMMIES}:Weighted", loss_options={"unused": True})
    with pytest.raises(BenchError, match="nothing trains its parameter unused"):
        method.training_step(batch, context_at(0, batch))
    assert built(loss=f"{DUMMIES}:Weighted", loss_options={"curriculum": True}).depends_on_epoch


def test_what_the_released_program_logs_of_its_patches() -> None:
    method = built(variant="released", lambda_NCE=0.5, loss_options={"lambda_src": 0.0})
    losses = {
        name: torch.tensor(float(i))
        for i, name in enumerate(("g_latent_total", "g_latent_hDCE", "g_latent_hDCE_reported"))
    }
    losses |= {"g_reference_total": torch.tensor(5.0), "g_reference_NCE": torch.tensor(3.0)}
    found = {name: float(value) for name, value in method.record_losses(losses).items()}
    assert (found["g_latent_total"], found["g_latent_patch"], found["g_latent_src"]) == (0 - 1 + 0.5 * 2, 1, 0)
    assert (found["g_reference_total"], found["g_reference_patch"]) == (5, 3)
    assert built().record_losses(losses) == losses


def test_a_term_may_not_hide_another() -> None:
    method = built(loss=f"{DUMMIES}:Hides", loss_options={"term": "cyc"})
    batch = batch_of(method.config, 0, torch.float32)
    with pytest.raises(BenchError, match="a term is named 'cyc' like another loss; rename it"):
        method.training_step(batch, context_at(0, batch))


def test_what_the_paper_variant_trains_and_the_released_one_does_not() -> None:
    """The gradient of the patches reaches the decoder only where outputs ask."""
    reached = {}
    for variant in ("paper", "released"):
        method = built(variant=variant, lambda_sty=0.0, lambda_ds=0.0, lambda_cyc=0.0).double()
        batch = batch_of(method.config, 0)
        x = batch["x_src"]
        drawn = {n: t.double() if t.is_floating_point() else t for n, t in method.draw(context_at(0, batch)).items()}
        fake = method.netG(x, method.netM(drawn["z"], batch["y_ref"]))
        objective, _ = method._patch_terms(method.loss, method.netF, "latent", x, fake, drawn)
        objective.backward()
        reached[variant] = {
            part
            for part in ("encode", "decode")
            if any(p.grad is not None and p.grad.any() for p in method.netG.get_submodule(part).parameters())
        }
        assert any(p.grad is not None for p in method.netF.parameters())
    assert reached == {"paper": {"encode", "decode"}, "released": {"encode"}}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"crop_size": 96}, "96 is no power of two"),
        ({"variant": "released", "w_hpf": 1.0}, "no high-pass filter"),
        ({"nce_layers": (9,), "variant": "paper"}, "there is no block 9"),
        ({"loss_options": {"lambda_src": 1}}, "there is no patch-wise loss"),
        ({"variant": "paper", "loss_options": {"lambda_sr": 1}}, "lambda_sr"),
    ],
)
def test_wrong_settings_are_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        StarGANv2Config(**values)


def test_what_the_variants_choose() -> None:
    chosen = {v: StarGANv2Config(variant=v) for v in ("original", "paper", "released")}
    assert {v: (c.loss, c.layers, c.patches) for v, c in chosen.items()} == {
        "original": (None, (1, 3, 4, 5), 256),
        "paper": ("src_hdce_multimodal", (1, 3, 4, 5), 256),
        "released": ("src_hdce_multimodal", (1, 2, 3, 4, 5), 128),
    }
    assert chosen["original"].base == 64
    assert StarGANv2Config(crop_size=64).base == 256
    assert chosen["paper"].loss_options["lambda_dce"] == 1.0
