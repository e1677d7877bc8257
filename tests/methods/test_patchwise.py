from __future__ import annotations

from collections import Counter
from copy import deepcopy
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from bench.base.errors import BenchError, UsageError
from bench.base.randomness import Draws
from bench.checks.conformance import trained_by
from bench.checks.conformance.subject import Subject
from bench.plugin.discovery import plugins
from bench.plugin.loss import LossContext, Pair
from bench.plugin.named import name_file
from methods.cut import CUT
from methods.fastcut import FastCUT

DUMMIES = Path(__file__).parent / "dummy_losses.py"
name_file(f"{DUMMIES}:Adversarial")


class CountingDraws(Draws):
    """Real draws that remember what was asked for and answered, in order."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.asked: list[str] = []
        self.ids: list[torch.Tensor] = []

    def stream(self, purpose: str):
        self.asked.append(purpose)
        return super().stream(purpose)

    def permutation(self, name: str, n: int, count: int | None = None) -> torch.Tensor:
        self.ids.append(super().permutation(name, n, count))
        return self.ids[-1]


def dummy(name: str) -> str:
    return f"{DUMMIES}:{name}"


def state(method) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in method.state_dict().items()}


def resume(method, config, driver):
    """A new process: everything that survives is in these three."""
    again = driver.build(type(method), seed=99, **config)
    again.load_state_dict(state(method))
    for kind in ("optimizers", "schedulers"):
        for name, saved in getattr(method, kind)().items():
            getattr(again, kind)()[name].load_state_dict(deepcopy(saved.state_dict()))
    return again


# ---- savings that must not change a number


@pytest.mark.parametrize("batch", [1, 2])
def test_tapped_key_features_are_those_of_a_separate_pass(tiny, driver, batch: int) -> None:
    method = driver.build(CUT, **tiny)
    images = driver.images(0, batch)
    real = torch.cat([images["A"], images["B"]])
    fake, tapped = method._translate_and_encode(real, flipped=False, drawn={})
    assert torch.equal(fake, method.netG(real))
    for features, alone in zip(tapped, method.netG.features(real, method.config.nce_layers), strict=True):
        assert torch.equal(features, alone)
        assert not features.requires_grad
    # convolutions round differently for other batch sizes, so image by image the last bit may differ
    for index, name in enumerate("AB"):
        image_alone = method.netG.features(images[name], method.config.nce_layers)
        for features, alone in zip(tapped, image_alone, strict=True):
            torch.testing.assert_close(features.chunk(2)[index], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("loss", ["patchnce", dummy("Adversarial")])
def test_tapping_changes_nothing(tiny, driver, loss: str) -> None:
    methods = [driver.build(CUT, loss=loss, tap_key_features=tap, **tiny).double() for tap in (True, False)]
    for step in range(2):
        results = [driver.step(method, step) for method in methods]
        exact = loss == "patchnce" and step == 0
        for name in results[0]:
            torch.testing.assert_close(results[0][name], results[1][name], rtol=0 if exact else 1e-10, atol=0)
        for (name, one), (_, other) in zip(*(m.named_gradients() for m in methods), strict=True):
            if exact:
                assert torch.equal(one, other), name
            else:
                torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-10, msg=name)


def test_keys_that_need_no_graph_cost_the_encoder_no_gradient(tiny, driver) -> None:
    for loss, attached in (("patchnce", False), (dummy("Adversarial"), True)):
        for tap in (True, False):
            method = driver.build(CUT, loss=loss, tap_key_features=tap, **tiny)
            _, key_maps = method._translate_and_encode(driver.images(0)["A"], flipped=False, drawn={})
            assert all(features.requires_grad == attached for features in key_maps[1:])


# ---- how terms add up


def test_the_pairs_are_averaged_and_the_gan_term_has_no_half(tiny, driver) -> None:
    losses = driver.step(driver.build(CUT, **tiny), 0)
    assert set(losses) == {"D_real", "D_fake", "D", "G_GAN", "NCE", "NCE_Y", "G"}
    torch.testing.assert_close(losses["G"], losses["G_GAN"] + 0.5 * (losses["NCE"] + losses["NCE_Y"]))
    torch.testing.assert_close(losses["D"], 0.5 * (losses["D_real"] + losses["D_fake"]))
    assert not any(value.requires_grad for value in losses.values())


def test_a_term_of_one_pair_counts_whole(tiny, driver) -> None:
    losses = driver.step(driver.build(CUT, loss=dummy("RowSum"), lambda_NCE=2.0, **tiny), 0)
    assert "relation_Y" not in losses
    pairs = 0.5 * (losses["distance"] + losses["distance_Y"]) + losses["relation"]
    torch.testing.assert_close(losses["G"], losses["G_GAN"] + pairs)
    once = driver.step(driver.build(CUT, loss=dummy("RowSum"), **tiny), 0)
    torch.testing.assert_close(losses["relation"], 2 * once["relation"])


def test_a_loss_may_skip_every_pair(tiny, driver) -> None:
    losses = driver.step(driver.build(CUT, loss=dummy("Nothing"), **tiny), 0)
    assert losses["G"] == losses["G_GAN"]


def test_layers_are_averaged_not_summed(tiny, driver) -> None:
    five = driver.step(driver.build(CUT, **tiny), 0)["NCE"]
    one = driver.step(driver.build(CUT, **tiny | {"nce_layers": (16,)}), 0)["NCE"]
    assert 0.5 < five / one < 2.0


# ---- draws


def test_each_pair_has_locations_of_its_own(tiny, driver) -> None:
    draws = CountingDraws()
    driver.step(driver.build(CUT, **tiny), 3, draws)
    assert draws.asked == ["nce.ids"] * 10
    assert not any(torch.equal(a, b) for a, b in zip(draws.ids[:5], draws.ids[5:], strict=True))


def test_a_loss_may_share_the_locations(tiny, driver) -> None:
    draws = CountingDraws()
    driver.step(driver.build(CUT, loss=dummy("RowSum"), **tiny), 3, draws)
    assert draws.asked == ["nce.ids"] * 5


def test_the_adversary_draws_for_itself_first_and_disturbs_nobody(tiny, driver) -> None:
    draws, alone = CountingDraws(), CountingDraws()
    driver.step(driver.build(CUT, loss=dummy("Adversarial"), **tiny), 3, draws)
    driver.step(driver.build(CUT, **tiny), 3, alone)
    assert draws.asked == ["adversary.ids"] * 10 + ["noise"] * 10 + ["nce.ids"] * 10 + ["noise"] * 10
    assert draws.asked.count("nce.ids") == 10
    assert draws.asked.count("noise") == 20
    # G's locations are those of a method without an adversary: the comparison stays paired
    assert all(torch.equal(a, b) for a, b in zip(draws.ids[10:], alone.ids, strict=True))


def test_locations_are_in_range_and_distinct(tiny, driver) -> None:
    draws = CountingDraws()
    driver.step(driver.build(CUT, **tiny | {"num_patches": 100}), 0, draws)
    sizes = [38 * 38, 32 * 32, 16 * 16, 8 * 8, 8 * 8] * 2
    for ids, size in zip(draws.ids, sizes, strict=True):
        assert len(ids) == len(ids.unique()) == min(100, size)
        assert int(ids.max()) < size


# ---- the adversary and the state of a loss


def test_the_adversary_climbs_what_the_generator_descends(tiny, driver) -> None:
    method = driver.build(CUT, loss=dummy("Adversarial"), **tiny)
    method.optimizers()["adversary"].param_groups[0]["lr"] = 1e-2
    for name in "GDF":
        method.optimizers()[name].param_groups[0]["lr"] = 0.0
    before = {name: value for name, value in state(method).items() if name.startswith("loss.makers")}
    scores = []
    for _ in range(8):  # the same images and draws each time, only the adversary learns
        losses = driver.step(method, 0)
        scores.append(float(losses["NCE"] + losses["NCE_Y"]))
    assert all(later > earlier for earlier, later in pairwise(scores))
    assert all(not torch.equal(value, state(method)[name]) for name, value in before.items())


def test_the_generators_step_leaves_its_opponents_alone(tiny, driver) -> None:
    method = driver.build(CUT, loss=dummy("Adversarial"), **tiny)
    method.optimizers()["adversary"].param_groups[0]["lr"] = 0.0
    before = state(method)
    reached = Counter()
    for network in ("D", "N"):
        for parameter in method.networks()[network].parameters():
            parameter.register_post_accumulate_grad_hook(lambda _, network=network: reached.update([network]))
    driver.step(method, 0)
    after = state(method)
    # once in their own update, never in G's: what stays in .grad is what the update used
    assert reached == {name: len(list(method.networks()[name].parameters())) for name in ("D", "N")}
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("loss.makers"))
    assert any(not torch.equal(before[name], after[name]) for name in before if name.startswith("netG"))
    assert all(parameter.requires_grad for parameter in method.loss.adversary_parameters())
    assert all(parameter.grad is None for parameter in method.loss.average.parameters())


def test_the_hook_runs_after_the_update(tiny, driver) -> None:
    method = driver.build(CUT, loss=dummy("Adversarial"), loss_options={"decay": 0.25}, **tiny)
    average = [p.clone() for p in method.loss.average.parameters()]
    driver.step(method, 0)
    for old, new, head in zip(average, method.loss.average.parameters(), method.netF.parameters(), strict=True):
        torch.testing.assert_close(new, 0.25 * old + 0.75 * head)
    assert int(method.loss.updates) == 1


def test_networks_and_optimizers_are_complete(tiny, driver) -> None:
    method = driver.build(CUT, loss=dummy("Adversarial"), **tiny)
    assert list(method.networks()) == ["G", "D", "F", "N", "F_"]
    assert list(method.optimizers()) == list(method.schedulers()) == ["G", "D", "F", "adversary"]
    owned = [id(p) for o in method.optimizers().values() for g in o.param_groups for p in g["params"]]
    trained = [p for name, p in method.named_parameters() if not name.startswith("loss.average")]
    assert sorted(owned) == sorted(id(p) for p in trained)
    assert {n.split(".")[0] for n, _ in method.named_parameters()} == {"netG", "netD", "netF", "loss"}


@pytest.mark.parametrize(("method", "loss"), [(CUT, "Adversarial"), (CUT, "RowSum"), (FastCUT, "Adversarial")])
def test_stopping_and_going_on_is_bit_identical(tiny, driver, method, loss: str) -> None:
    config = tiny | {"loss": dummy(loss), "n_epochs": 1, "n_epochs_decay": 3}
    one = driver.build(method, **config)
    for step in range(2):
        driver.step(one, step)
    one.end_epoch()
    other = resume(one, config, driver)
    for step in (2, 3):
        first, second = driver.step(one, step, epoch=2), driver.step(other, step, epoch=2)
        assert all(torch.equal(first[name], second[name]) for name in first)
        one.end_epoch()
        other.end_epoch()
    left, right = state(one), state(other)
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)


# ---- parameters of a loss


def test_a_loss_learns_in_the_step_of_the_generator(tiny, driver) -> None:
    method = driver.build(CUT, loss=dummy("Weighted"), lr=1e-3, **tiny)
    assert list(method.optimizers()) == list(method.schedulers()) == ["G", "D", "F", "loss"]
    ours, usual = (method.optimizers()[name].param_groups[0] for name in ("loss", "F"))
    assert {key: ours[key] for key in ("lr", "betas", "eps")} == {key: usual[key] for key in ("lr", "betas", "eps")}
    before = method.loss.weights.detach().clone()
    driver.step(method, 0)
    assert torch.equal((method.loss.weights - before).abs() > 5e-4, torch.tensor([True] * 5))
    assert not method.loss.fixed.requires_grad


def test_a_loss_without_gradient_for_a_parameter_is_refused_in_the_first_step(tiny, driver) -> None:
    with pytest.raises(
        BenchError, match=r"loss weighted: nothing trains its parameter unused; .*requires_grad_"
    ) as caught:
        driver.step(driver.build(CUT, loss=dummy("Weighted"), loss_options={"unused": True}, **tiny), 0)
    assert "\n" not in str(caught.value)
    later = {"unused": True, "curriculum": True}
    driver.step(driver.build(CUT, loss=dummy("Weighted"), loss_options=later, **tiny), 0)


@pytest.mark.parametrize("name", plugins("loss"))
def test_no_built_in_loss_trains_a_parameter_of_its_own_with_the_generator(name: str) -> None:
    loss = Subject.of_loss(name).build().loss
    trained = {key for key, parameter in loss.named_parameters() if parameter.requires_grad}
    adversary = {id(parameter) for parameter in loss.adversary_parameters()}
    assert trained == {key for key, parameter in loss.named_parameters() if id(parameter) in adversary}
    assert (name == "negcut") == bool(trained)
    assert trained_by(name)["trained with G and F"] == []


# ---- mistakes in plugins and options


def test_a_wrong_shape_names_the_loss_and_the_shape(tiny, driver) -> None:
    with pytest.raises(BenchError, match=r"WrongShape.*one loss per patch, shape \(1, 16\), got \(1,\)"):
        driver.step(driver.build(CUT, loss=dummy("WrongShape"), **tiny), 0)


def test_a_term_may_not_hide_another(tiny, driver) -> None:
    for name in ("D", "G_GAN", "G"):
        with pytest.raises(BenchError, match=f"Hides.*'{name}'"):
            driver.step(driver.build(CUT, loss=dummy("Hides"), loss_options={"term": name}, **tiny), 0)


def test_options_of_the_loss_are_checked_and_written_out() -> None:
    assert CUT.Config(loss=dummy("Adversarial")).loss_options == {"decay": 0.5}
    with pytest.raises(ValidationError, match="dekay"):
        CUT.Config(loss=dummy("Adversarial"), loss_options={"dekay": 0.5})
    with pytest.raises(UsageError, match="patchnce"):
        CUT.Config(loss="patchnse")


# ---- starting point


def test_initial_weights_depend_on_the_seed_alone(tiny, driver) -> None:
    config = tiny | {"loss": dummy("Adversarial")}
    torch.manual_seed(1)
    one = state(driver.build(CUT, seed=3, **config))
    torch.manual_seed(2)
    build = driver.build(CUT, seed=3, **config)
    assert all(torch.equal(one[name], value) for name, value in build.state_dict().items())
    other = state(driver.build(CUT, seed=4, **config))
    assert not torch.equal(one["netG.model.1.weight"], other["netG.model.1.weight"])
    assert not torch.equal(one["loss.makers.0.weight"], other["loss.makers.0.weight"])


def test_methods_with_one_seed_start_from_the_same_networks(tiny, driver) -> None:
    one, other = state(driver.build(CUT, **tiny)), state(driver.build(FastCUT, loss=dummy("Adversarial"), **tiny))
    assert all(torch.equal(one[name], other[name]) for name in one)


# ---- batches


def test_a_minibatch_keeps_negatives_per_image_unless_told_otherwise(tiny, driver) -> None:
    seen = []

    def spy(method):
        terms = method.loss.terms

        def spied(pair: Pair, context: LossContext):
            seen.append(tuple(pair.layers[0].query.shape))
            return terms(pair, context)

        method.loss.terms = spied
        return method

    apart = driver.step(spy(driver.build(CUT, **tiny)), 0, batch=2)
    together = driver.step(spy(driver.build(CUT, nce_includes_all_negatives_from_minibatch=True, **tiny)), 0, batch=2)
    assert seen == [(2, 16, 16)] * 2 + [(1, 32, 16)] * 2
    assert together["NCE"] > apart["NCE"] + 0.3  # about log 2 for twice as many negatives


def test_logits_stay_in_full_precision_under_autocast(tiny, driver) -> None:
    exact = driver.step(driver.build(CUT, **tiny), 0)
    method = driver.build(CUT, **tiny)
    kinds = Counter()
    terms = method.loss.terms

    def spied(pair: Pair, context: LossContext):
        assert not torch.is_autocast_enabled("cpu")
        kinds.update(tensor.dtype for layer in pair.layers for tensor in (layer.query, layer.key))
        return terms(pair, context)

    method.loss.terms = spied
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = driver.step(method, 0)
    assert set(kinds) == {torch.float32}
    assert losses["NCE"].dtype == torch.float32
    torch.testing.assert_close(losses["NCE"], exact["NCE"], rtol=0.05, atol=0)


def test_translation_needs_no_gradient(tiny, driver) -> None:
    method = driver.build(CUT, **tiny)
    images = driver.images(0)["A"]
    assert torch.equal(method.translate(images), method.netG(images).detach())
    assert not method.translate(images).requires_grad
