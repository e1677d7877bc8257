"""Batch norm over the ranks of a run equals torch's over the whole batch, in its results, gradients and statistics."""

import pytest
import torch
from on_ranks import on_ranks
from torch import nn

from bench.base import collective
from methods.networks.efficientnet_lite0_features import EfficientNetLite0Features
from methods.networks.resnet50_features import ResNet50Features
from methods.networks.synchronised_norm import BatchNorm2d

# a mean that is large against the deviation, which a difference of mean squares would lose in single precision
WHOLE = torch.randn(4, 3, 5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 30
WEIGHTS = torch.randn(4, 3, 5, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def normalised(layer, dtype=torch.float64):
    layer = layer.to(dtype)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.tensor([0.5, -1.0, 2.0]))
    x = collective.own(WHOLE.to(dtype)).clone().requires_grad_()
    y = layer(x)
    (y * collective.own(WEIGHTS.to(dtype))).sum().backward()
    found = {"y": collective.gathered(y.detach()), "x": collective.gathered(x.grad)}
    gradients = {f"gradient {name}": p.grad for name, p in layer.named_parameters()}
    if collective.count() > 1:
        gradients = {name: collective.mean(value) * collective.count() for name, value in gradients.items()}
    return found | gradients | dict(layer.named_buffers())


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-5)])
def test_two_ranks_equal_torchs_batch_norm_of_the_whole(tmp_path, affine, dtype, tolerance):
    expected = normalised(nn.BatchNorm2d(3, affine=affine))
    for rank in on_ranks(tmp_path, normalised, BatchNorm2d(3, affine=affine), dtype):
        assert rank.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(rank[name].to(value.dtype), value, rtol=tolerance, atol=tolerance, msg=name)


def test_on_one_rank_and_in_evaluation_it_is_torchs_own():
    expected, found = normalised(nn.BatchNorm2d(3)), normalised(BatchNorm2d(3))
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_each_rank_can_have_its_own_statistics(tmp_path):
    for rank, found in enumerate(on_ranks(tmp_path, normalised, BatchNorm2d(3), per_rank=("batch_norm",))):
        mine = nn.BatchNorm2d(3).double()
        mine(WHOLE[rank::2])
        torch.testing.assert_close(found["running_mean"], mine.running_mean)


@pytest.mark.parametrize("network", [ResNet50Features, EfficientNetLite0Features])
def test_ready_made_feature_spaces_have_it_everywhere(network):
    norms = [module for module in network().modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms
    assert {type(module) for module in norms} == {BatchNorm2d}
