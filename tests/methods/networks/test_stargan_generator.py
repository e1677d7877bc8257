from __future__ import annotations

import pytest
import torch

from methods.networks.stargan_generator import StarGANGenerator


def count(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(("w_hpf", "parameters"), [(0, 33_892_995), (1, 43_467_395)])
def test_published_parameter_counts(w_hpf: float, parameters: int) -> None:
    with torch.device("meta"):
        assert count(StarGANGenerator(w_hpf=w_hpf)) == parameters


@pytest.mark.parametrize("side", [16, 32, 128])
@pytest.mark.parametrize("w_hpf", [0, 1])
def test_every_size_comes_back(side: int, w_hpf: float) -> None:
    netG = StarGANGenerator(side, style_dim=3, base=2, cap=4, w_hpf=w_hpf)
    made = netG(torch.rand(2, 3, side, side), torch.rand(2, 3))
    assert made.shape == (2, 3, side, side)


def test_features_are_those_that_the_generator_makes() -> None:
    netG = StarGANGenerator(64, style_dim=3, base=2, cap=6)
    images, layers = torch.rand(2, 3, 64, 64), (0, 2, 3)
    maps = netG.features(images, layers)
    assert [tuple(found.shape[1:]) for found in maps] == [
        (channels, *size)
        for channels, size in zip(netG.feature_channels(layers), netG.feature_sizes(layers, (64, 64)), strict=True)
    ]
    seen = []
    netG.decode[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    netG(images, torch.rand(2, 3))
    assert torch.equal(seen[0], maps[-1])


def test_the_style_is_all_that_differs() -> None:
    netG = StarGANGenerator(32, style_dim=3, base=2, cap=4)
    images, styles = torch.rand(1, 3, 32, 32).expand(2, -1, -1, -1), torch.eye(3)[:2]
    first, second = netG(images, styles)
    assert not torch.allclose(first, second)


def test_masks_let_edges_through_the_filter() -> None:
    netG = StarGANGenerator(64, style_dim=3, base=2, cap=4, w_hpf=1)
    images, style = torch.rand(1, 3, 64, 64), torch.rand(1, 3)
    blind = [torch.zeros(1, 1, 64, 64)] * 2
    torch.testing.assert_close(netG(images, style, tuple(blind)), netG(images, style))
    for place in range(2):  # at 32 pixels, and at 64
        masks = list(blind)
        masks[place] = torch.ones(1, 1, 64, 64)
        assert not torch.allclose(netG(images, style, tuple(masks)), netG(images, style))
