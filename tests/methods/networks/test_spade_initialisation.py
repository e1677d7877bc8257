import pytest
import torch
from torch import nn

from methods.networks.spade_initialisation import initialise_spade
from methods.networks.spectral_norm import SpectralConv2d


def test_every_kind_of_layer_is_drawn_as_released():
    network = nn.Sequential(nn.Conv2d(64, 64, 3), nn.BatchNorm2d(512), SpectralConv2d(64, 64, 3))
    initialise_spade(network, torch.Generator().manual_seed(0))
    convolution, norm, spectral = network
    assert float(convolution.weight.detach().std()) == pytest.approx(0.02 * (2 / (64 * 9 * 2)) ** 0.5, rel=0.05)
    assert float(norm.weight.detach().mean()) == pytest.approx(1, abs=0.01)
    assert float(norm.weight.detach().std()) == pytest.approx(0.02, rel=0.2)
    bound = (1 / (64 * 9)) ** 0.5  # torch's default: uniform in +-1 / sqrt(fan in)
    assert float(spectral.weight_orig.detach().abs().max()) == pytest.approx(bound, rel=0.01)
    assert not any(module.bias.detach().any() for module in network)
    assert float(spectral.weight_u.norm()) == pytest.approx(1)


def test_one_seed_gives_one_network():
    def built(seed: int) -> list[torch.Tensor]:
        network = nn.Sequential(nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2), SpectralConv2d(2, 2, 3))
        return list(initialise_spade(network, torch.Generator().manual_seed(seed)).state_dict().values())

    assert all(torch.equal(one, two) for one, two in zip(built(3), built(3), strict=True))
    assert not torch.equal(built(3)[0], built(4)[0])
