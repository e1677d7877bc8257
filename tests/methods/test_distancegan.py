from __future__ import annotations

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
