"""The variants of CUT's key path, each against what its definition says the gradients and the state must be."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from bench.base.randomness import Draws
from bench.checks.conformance.subject import Subject
from bench.checks.conformance.update import exact_resume, seeded, whole_checkpoint
from methods.cut import CUT

OWN = ("separate", "encoder_only", "momentum")


def gradients(method, driver) -> dict[str, Tensor]:
    driver.step(method, 0)
    return {name: gradient.clone() for name, gradient in method.named_gradients()}


def build(driver, tiny: dict[str, Any], **config: Any):
    return driver.build(CUT, **tiny, **config).double()


def of_decoder(name: str) -> bool:
    """Modules 0 to 16 of the generator are what nce_layers reach."""
    network, _, rest = name.partition(".model.")
    return network == "G" and int(rest.split(".")[0]) > 16


@pytest.mark.parametrize("path", OWN)
@pytest.mark.parametrize("check", [whole_checkpoint, exact_resume, seeded])
def test_state_is_complete_and_keyed(path: str, check) -> None:
    settings: dict[str, Any] = {"key_path": path}
    if path == "momentum":
        settings |= {"loss": "memory_bank", "loss_options": {"size": 20}}
    check(Subject.of_method("cut", settings))


# ---- encoder_only


def test_the_decoder_learns_from_the_gan_alone(tiny, driver) -> None:
    full = gradients(build(driver, tiny, key_path="encoder_only"), driver)
    gan = gradients(build(driver, tiny, lambda_NCE=0.0), driver)
    shared = gradients(build(driver, tiny), driver)
    decoder = [name for name in full if of_decoder(name)]
    assert len(decoder) == 6
    for name in decoder:
        torch.testing.assert_close(full[name], gan[name], rtol=1e-9, atol=1e-12, msg=name)
    weights = [name for name in decoder if name.endswith("weight")]
    assert all((shared[name] - gan[name]).abs().max() > 1e-3 * gan[name].abs().max() for name in weights)
    # what looks at the image is trained as in CUT
    for name in full:
        if name.startswith("F."):
            torch.testing.assert_close(full[name], shared[name], rtol=1e-9, atol=1e-12, msg=name)


# ---- separate


def exchanged_loss(method, images: dict[str, Tensor], ids: list[list[Tensor]]) -> Tensor:
    """InfoNCE of the input's patches, seen by the second networks, among the output's, seen by netG and netF."""
    total = torch.zeros((), dtype=torch.float64)
    for name, of_pair in zip("AB", ids, strict=True):
        own = method.key_path.encoder.features(images[name], method.config.nce_layers)
        fake = method.netG(images[name])
        theirs = method.netG.features(fake, method.config.nce_layers)
        for layer, at in enumerate(of_pair):
            rows = []
            for head, feature in ((method.key_path.head, own[layer]), (method.netF, theirs[layer])):
                picked = feature[0].flatten(1).T[at]
                projected = head.get_submodule(f"mlp_{layer}")(picked)
                rows.append(projected / (projected.norm(dim=1, keepdim=True) + 1e-7))
            logits = rows[0] @ rows[1].detach().T / 0.07
            total = total + 0.5 * F.cross_entropy(logits, torch.arange(len(at))) / 5
    return total


def test_separate_networks_learn_as_queries(tiny, driver) -> None:
    method = build(driver, tiny, key_path="separate")
    twin = build(driver, tiny, key_path="separate")
    draws = Draws(0).at(0)
    ids = [[draws.permutation("nce.ids", s * s, 16) for s in (38, 32, 16, 8, 8)] for _ in "AB"]
    expected = exchanged_loss(twin, driver.images(0, dtype=torch.float64), ids)
    expected.backward()
    losses = driver.step(method, 0)
    torch.testing.assert_close(0.5 * (losses["NCE_key"] + losses["NCE_Y_key"]), expected.detach())
    for found, other in zip(method.key_path.parameters(), twin.key_path.parameters(), strict=True):
        torch.testing.assert_close(found.grad, other.grad, rtol=1e-7, atol=1e-12)
    assert list(method.networks()) == ["G", "D", "F", "G_key", "F_key"]
    assert len(list(method.optimizers())) == 4
    # the second encoder ends where the features end, and starts with weights of its own
    assert max(int(name.split(".")[1]) for name, _ in method.key_path.encoder.named_parameters()) == 16
    assert not torch.equal(next(twin.key_path.encoder.parameters()), next(twin.netG.parameters()))


def test_separate_keys_give_the_generator_no_gradient(tiny, driver) -> None:
    """G and F learn as in CUT, only from other keys: a second side of the loss that moved them would show here."""
    method = build(driver, tiny, key_path="separate")
    found = gradients(method, driver)
    fixed = build(driver, tiny, key_path="separate")
    sides = fixed.key_path.sides
    fixed.key_path.sides = lambda pairs: {"": sides(pairs)[""]}
    alone = gradients(fixed, driver)
    for name in found:
        if name.startswith(("G.", "F.")):
            assert torch.equal(found[name], alone[name]), name
    assert not any(name.startswith(("G_key", "F_key")) for name in alone)


# ---- momentum


def test_momentum_networks_start_as_copies_and_follow(tiny, driver) -> None:
    method, shared = (build(driver, tiny, key_path=path) for path in ("momentum", "shared"))
    before = {name: p.clone() for name, p in method.key_path.named_parameters()}
    first, same = driver.step(method, 0), driver.step(shared, 0)
    torch.testing.assert_close(first["NCE"], same["NCE"])  # the copies still equal netG and netF
    after = dict(method.named_parameters())
    for name, old in before.items():
        latest = after[f"netG.{name.removeprefix('encoder.')}" if name.startswith("encoder") else f"netF.{name[5:]}"]
        torch.testing.assert_close(method.key_path.get_parameter(name), 0.999 * old + 0.001 * latest)
        assert not method.key_path.get_parameter(name).requires_grad
    assert list(method.optimizers()) == ["G", "D", "F"]
    assert driver.step(method, 1)["NCE"] != driver.step(shared, 1)["NCE"]


# ---- the default


def test_the_default_has_nothing_of_its_own(tiny, driver) -> None:
    method = driver.build(CUT, **tiny)
    assert method.config.key_path == "shared"
    assert not list(method.key_path.parameters())
    assert not list(method.key_path.buffers())
