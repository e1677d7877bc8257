from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from pydantic import ValidationError

from bench.checks.replay.replay import replay
from methods.distancegan import DistanceGAN
from methods.networks.distance_resnet import DistanceResnet
from methods.networks.patchgan import PatchGAN

RECORDED = {"ngf": 2, "ndf": 2, "pool_size": 2}
TINY = {"ngf": 2, "ndf": 2, "n_blocks": 1}


def test_two_reference_steps(rival_steps, rival_errors) -> None:
    record = rival_steps("distancegan")
    result = replay("distancegan", RECORDED, record)
    assert result.unknown(record) == []
    relative, absolute = rival_errors(result, record)
    assert relative < 1e-12
    assert absolute < 1e-8
    assert "statistics     4 compared" in result.summary(record)


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("step0/loss_distance_A", {"unnormalized_distances": True}),
        ("step0/loss_distance_B", {"use_self_distance": True}),
        ("step0/loss_distance_B", {"lambda_distance_B": 2.0}),
        ("step0/loss_G", {"use_cycle_loss": True}),
        ("step0/loss_D_A", {"no_lsgan": True}),
        ("statistics/std_A", {"max_items": 2}),
    ],
)
def test_the_record_tells_settings_apart(rival_steps, key: str, wrong: dict) -> None:
    record = rival_steps("distancegan")
    assert replay("distancegan", RECORDED | wrong, record, steps=1).compare(record)[key] > 1e-6


@pytest.mark.parametrize(("one_sided", "moving", "still"), [("A_to_B", "A", "B"), ("B_to_A", "B", "A")])
def test_one_direction_alone(driver, one_sided: str, moving: str, still: str) -> None:
    method = driver.build(DistanceGAN, **TINY, **{one_sided: True})
    before = {name: tensor.clone() for name, tensor in method.state_dict().items()}
    losses = driver.step(method, 0, batch=2)
    method.end_epoch()
    assert set(losses) == {f"G_{moving}", f"distance_{moving}", "G", f"D_{moving}"}
    after = method.state_dict()
    for net in ("netG", "netD"):
        key = f"{net}_{{}}.model.0.weight"
        assert torch.equal(before[key.format(still)], after[key.format(still)])
        assert not torch.equal(before[key.format(moving)], after[key.format(moving)])


def test_measures_before_training(driver) -> None:
    method = driver.build(DistanceGAN, **TINY)
    method.measure(iter([driver.images(step, batch=2) for step in range(3)]))
    batches = [driver.images(step, batch=2)["A"] for step in range(3)]
    found = torch.stack([(batches[i] - batches[j]).abs().mean() for i, j in ((0, 1), (0, 2), (1, 2))])
    torch.testing.assert_close(method.expectation_A, found.mean())
    torch.testing.assert_close(method.std_A, found.std(correction=0))
    assert {"expectation_A", "std_A", "expectation_B", "std_B"} <= method.state_dict().keys()


def test_impossible_settings() -> None:
    for wrong in ({"A_to_B": True, "B_to_A": True}, {"batch_size": 1}):
        with pytest.raises(ValidationError):
            DistanceGAN.Config(**wrong)
    DistanceGAN.Config(batch_size=1, use_self_distance=True)


def test_sizes_and_order_of_the_published_networks() -> None:
    with torch.device("meta"):
        netG, netD = DistanceResnet(), PatchGAN(antialias=False, affine=True)
    assert sum(p.numel() for p in netG.parameters()) == 11_388_675
    assert sum(p.numel() for p in netD.parameters()) == 2_766_529
    assert all(layer.padding == (1, 1) for layer in netD.modules() if isinstance(layer, torch.nn.Conv2d))


def test_initial_weights(driver) -> None:
    method = driver.build(DistanceGAN, ngf=16, ndf=16, n_blocks=1)
    weights = torch.cat(
        [p.detach().flatten() for n, p in method.netG_A.named_parameters() if p.ndim == 1 and n.endswith("weight")]
    )
    assert weights.mean() == pytest.approx(1, abs=0.01)
    assert weights.std() == pytest.approx(0.02, rel=0.3)
    assert method.netG_A.model[0].weight.detach().std() == pytest.approx(0.02, rel=0.1)
    assert method.netG_A.model[0].bias.abs().max() > 0
    assert method.netG_A.model[1].bias.abs().max() == 0


def test_learning_rate(driver) -> None:
    method = driver.build(DistanceGAN, **TINY)
    factor = method.schedulers()["D_B"].lr_lambdas[0]
    rates = [factor(done) for done in range(200)]
    assert rates[100] == 1
    assert rates[101] == pytest.approx(0.99)
    assert rates[199] == pytest.approx(0.01)


def test_translates_with_G_A(driver) -> None:
    method = driver.build(DistanceGAN, **TINY)
    images = driver.images(0)["A"]
    assert torch.equal(method.translate(images), method.netG_A(images).detach())
    assert list(method.networks()) == ["G_A", "G_B", "D_A", "D_B"]


@pytest.mark.parametrize(
    "options",
    [
        {"batch": 3},
        {"A_to_B": True, "batch": 2, "use_cycle_loss": True},
        {"B_to_A": True, "batch": 4, "lambda_distance_B": 3.0},
        {"use_self_distance": True, "batch": 1},
        {"use_self_distance": True, "A_to_B": True, "batch": 3, "no_lsgan": True},
        {"unnormalized_distances": True, "batch": 2, "lambda_distance_A": 0.5},
        {"unnormalized_distances": True, "use_self_distance": True, "batch": 2},
        {"use_cycle_loss": True, "lambda_A": 3.0, "lambda_B": 7.0, "batch": 2},
    ],
    ids=str,
)
def test_every_option_against_a_second_computation(driver, options: dict) -> None:
    batch = options.pop("batch")
    method = driver.build(DistanceGAN, pool_size=0, batch_size=batch, **TINY | options).double()
    with torch.no_grad():
        for weight in (p for p in method.parameters() if p.ndim == 4):
            weight.mul_(0.3 / weight.std())
    seen = [driver.images(step, batch=batch, dtype=torch.float64) for step in range(1, 5)]
    method.measure(iter(seen))
    old, config, images = deepcopy(method), method.config, driver.images(0, batch=batch, dtype=torch.float64)
    losses = driver.step(method, 0, batch=batch)

    def halves(x: torch.Tensor) -> torch.Tensor:
        middle = x.shape[2] // 2
        return (x[:, :, :middle] - x[:, :, middle:]).abs().mean()

    def moments(domain: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and deviation over pairs of minibatches, or of one number for each."""
        items = [batch[domain] for batch in seen]
        pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
        found = [halves(x) for x in items] if config.use_self_distance else []
        found = found or [(items[i] - items[j]).abs().mean() for i, j in pairs]
        mean = sum(found) / len(found)
        return mean, (sum((d - mean) ** 2 for d in found) / len(found)).sqrt()

    def distance(real: torch.Tensor, fake: torch.Tensor, side: str) -> torch.Tensor:
        (mu, s), (mu_other, s_other) = moments(side), moments("B" if side == "A" else "A")
        if config.unnormalized_distances:
            mu = mu_other = torch.tensor(0.0)
            s = s_other = torch.tensor(1.0)
        if config.use_self_distance:
            return ((halves(real) - mu) / s - (halves(fake) - mu_other) / s_other).abs()
        terms = [
            ((real[i] - real[j]).abs().mean() - mu) / s - ((fake[i] - fake[j]).abs().mean() - mu_other) / s_other
            for i in range(batch)
            for j in range(i + 1, batch)
        ]
        return sum(term.abs() for term in terms) / len(terms)

    def GAN(scores: torch.Tensor, real: bool) -> torch.Tensor:
        if config.no_lsgan:
            return -(scores if real else -scores).sigmoid().log().mean()
        return (scores - float(real)).square().mean()

    sides = [("A", "B", old.netG_A, old.netG_B, old.netD_A), ("B", "A", old.netG_B, old.netG_A, old.netD_B)]
    expected, cycles = {}, {}
    for side, other, netG, netG_back, netD in sides:
        fake = netG(images[side])
        cycles[f"cycle_{side}"] = getattr(config, f"lambda_{side}") * (netG_back(fake) - images[side]).abs().mean()
        if (config.A_to_B and side == "B") or (config.B_to_A and side == "A"):
            continue
        weight = getattr(config, f"lambda_distance_{side}")
        expected[f"G_{side}"] = GAN(netD(fake), True)
        expected[f"distance_{side}"] = weight * distance(images[side], fake, side)
        expected[f"D_{side}"] = 0.5 * (GAN(netD(images[other]), True) + GAN(netD(fake.detach()), False))
    expected |= cycles if config.use_cycle_loss else {}
    expected["G"] = sum(value for name, value in expected.items() if not name.startswith("D_"))
    assert losses.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value.detach(), rtol=1e-9, atol=0, msg=name)
    weights, moved = dict(old.named_parameters()), dict(method.named_parameters())
    for part, loss in (("netG_", expected["G"]), *((f"net{n}.", expected[n]) for n in expected if n.startswith("D_"))):
        names = [name for name in weights if name.startswith(part)]
        gradients = torch.autograd.grad(loss, [weights[name] for name in names], allow_unused=True)
        for name, gradient in zip(names, gradients, strict=True):
            if gradient is None:  # of the direction that does not learn
                assert moved[name].grad is None
                assert torch.equal(moved[name], weights[name])
            else:
                torch.testing.assert_close(moved[name].grad, gradient, rtol=1e-7, atol=1e-9)
