"""Mapping network, style encoder and discriminator: sizes, and whose head answers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from methods.networks.domain_heads import of_domain
from methods.networks.stargan_discriminator import StarGANDiscriminator
from methods.networks.stargan_mapping import StarGANMapping
from methods.networks.stargan_style_encoder import StarGANStyleEncoder


@pytest.mark.parametrize(
    ("domains", "mapping", "encoder", "discriminator"),
    [
        (2, 2_438_272, 20_916_928, 20_852_290),
        (3, 3_259_072, 20_949_760, 20_852_803),
        (4, 4_079_872, 20_982_592, 20_853_316),
        (5, 4_900_672, 21_015_424, 20_853_829),
    ],
)
def test_published_parameter_counts(domains: int, mapping: int, encoder: int, discriminator: int) -> None:
    with torch.device("meta"):
        networks = (
            StarGANMapping(num_domains=domains),
            StarGANStyleEncoder(num_domains=domains),
            StarGANDiscriminator(num_domains=domains),
        )
    counts = [sum(p.numel() for p in network.parameters()) for network in networks]
    assert counts == [mapping, encoder, discriminator]


@pytest.mark.parametrize(
    "network",
    [
        StarGANMapping(4, 5, 3, hidden_dim=6),
        StarGANStyleEncoder(16, 5, 3, base=2, cap=4),
        StarGANDiscriminator(16, 3, base=2, cap=4),
    ],
    ids=lambda network: type(network).__name__,
)
def test_every_item_gets_its_own_domains_answer(network: nn.Module) -> None:
    given = torch.rand(3, 4) if isinstance(network, StarGANMapping) else torch.rand(3, 3, 16, 16)
    domains = torch.tensor([2, 0, 2])
    found = network(given, domains)
    alone = torch.cat([network(item[None], domain[None]) for item, domain in zip(given, domains, strict=True)])
    torch.testing.assert_close(found, alone)
    assert not torch.allclose(found, network(given, 2 - domains))
    found.sum().backward()
    gradients = [p.grad for p in network.parameters()]
    assert all(gradient is not None for gradient in gradients)  # domain 1 has a gradient too: zero
    assert any(not gradient.any() for gradient in gradients) or isinstance(network, StarGANDiscriminator)


def test_a_discriminator_has_one_head_whose_other_rows_stay_still() -> None:
    netD = StarGANDiscriminator(16, 3, base=2, cap=4)
    netD(torch.rand(2, 3, 16, 16), torch.tensor([1, 1])).sum().backward()
    bias = netD.main[-1].bias.grad
    assert bias.tolist() == [0, 2, 0]


def test_outputs_as_a_table() -> None:
    assert of_domain(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1, 0])).tolist() == [2, 3]
