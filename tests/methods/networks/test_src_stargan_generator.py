from __future__ import annotations

import pytest
import torch

from methods.networks.src_stargan_generator import SRCStarGANGenerator


def test_published_parameter_count() -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in SRCStarGANGenerator().parameters()) == 10_739_459


@pytest.mark.parametrize("side", [16, 40, 64])
def test_images_of_any_size_are_halved_twice(side: int) -> None:
    netG = SRCStarGANGenerator(style_dim=3, base=2, cap=6)
    images = torch.rand(2, 3, side, side)
    assert netG(images, torch.rand(2, 3)).shape == images.shape
    layers = (1, 2, 3, 4, 5)
    maps = netG.features(images, layers)
    assert {tuple(found.shape) for found in maps} == {(2, 6, side // 4, side // 4)}
    assert netG.feature_channels(layers) == [6] * 5
    assert netG.feature_sizes(layers, (side, side)) == [(side // 4, side // 4)] * 5


def test_only_the_flat_blocks_know_the_style() -> None:
    netG = SRCStarGANGenerator(style_dim=3, base=2, cap=6)
    features = torch.rand(1, 6, 4, 4)
    one, other = torch.zeros(1, 3), torch.ones(1, 3)
    assert torch.equal(netG.decode[-2](features, one), netG.decode[-2](features, other))
    assert not torch.equal(netG.decode[0](features, one), netG.decode[0](features, other))
