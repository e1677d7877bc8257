from math import sqrt

import pytest
import torch
from torch import nn

from methods.networks.initialisation import initialise
from methods.networks.projection_head import ProjectionHead
from methods.networks.resnet_generator import ResnetGenerator


def test_xavier_has_the_originals_spread() -> None:
    network = initialise(ResnetGenerator(ngf=16), "xavier", torch.Generator().manual_seed(0))
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 5000:
            fan = (module.in_channels + module.out_channels) * module.kernel_size[0] ** 2
            assert module.weight.std().item() == pytest.approx(0.02 * sqrt(2 / fan), rel=0.05)
    assert all((p == 0).all() for name, p in network.named_parameters() if name.endswith("bias"))


def test_normal_has_the_originals_spread() -> None:
    network = initialise(ResnetGenerator(ngf=16, antialias=False), "normal", torch.Generator().manual_seed(0))
    weights = torch.cat([p.flatten() for name, p in network.named_parameters() if name.endswith("weight")])
    assert weights.std().item() == pytest.approx(0.02, rel=0.01)


@pytest.mark.parametrize("scheme", ["xavier", "normal"])
def test_weights_come_from_the_generator_alone(scheme) -> None:
    made = []
    for disturbance in (0, 1):
        torch.manual_seed(disturbance)
        made.append(initialise(ProjectionHead([3, 8], 16), scheme, torch.Generator().manual_seed(5)))
    for one, other in zip(made[0].parameters(), made[1].parameters(), strict=True):
        assert torch.equal(one, other)
