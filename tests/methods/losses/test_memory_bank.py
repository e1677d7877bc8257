from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy, normalize

from bench.plugin.loss import LayerPair, LossContext, Pair
from methods.losses.memory_bank import MemoryBank
from methods.networks.projection_head import ProjectionHead

MOMENT = LossContext(0.07)


def a_bank(size: int) -> MemoryBank:
    loss = MemoryBank(MemoryBank.Config(size=size))
    loss.build((3, 8), lambda: ProjectionHead((3, 8), 6))
    return loss


def a_pair(kind: str, seed: int, patches: int = 4) -> Pair:
    generator = torch.Generator().manual_seed(seed)
    rows = [normalize(torch.randn(1, patches, 6, generator=generator), dim=2) for _ in range(4)]
    maps = torch.zeros(1, 1, 2, 2)
    return Pair(kind, [LayerPair(q, k, torch.arange(patches), maps, maps) for q, k in (rows[:2], rows[2:])])


def test_the_bank_gives_the_negatives() -> None:
    loss, pair = a_bank(10), a_pair("translation", 1)
    expected = torch.zeros(())
    for layer, negatives in zip(pair.layers, loss.get_buffer("translation_bank"), strict=True):
        q, k = layer.query[0], layer.key[0]
        logits = torch.cat([(q * k).sum(1, keepdim=True), q @ negatives.T], 1) / 0.07
        expected = expected + cross_entropy(logits, torch.zeros(4, dtype=torch.long)) / 2
    torch.testing.assert_close(loss(pair, MOMENT), expected)


def test_keys_join_after_the_step_and_push_out_the_oldest() -> None:
    loss = a_bank(10)
    start = loss.get_buffer("translation_bank").clone()
    torch.testing.assert_close(start.norm(dim=2), torch.ones(2, 10))
    keys = []
    for seed in range(3):  # 12 keys into 10 places
        pair = a_pair("translation", seed)
        before = loss.get_buffer("translation_bank").clone()
        loss(pair, MOMENT)
        assert torch.equal(loss.get_buffer("translation_bank"), before)
        loss.after_generator_step({}, MOMENT)
        keys.append(pair.layers[1].key[0])
    arrived = torch.cat(keys)
    expected = torch.cat([arrived[10:], arrived[2:10]])
    assert torch.equal(loss.get_buffer("translation_bank")[1], expected)
    assert loss.get_buffer("translation_next").tolist() == [2, 2]
    assert loss.get_buffer("identity_next").tolist() == [0, 0]


def test_a_bank_smaller_than_a_step_keeps_the_newest() -> None:
    loss, pair = a_bank(3), a_pair("identity", 1)
    loss(pair, MOMENT)
    loss.after_generator_step({}, MOMENT)
    assert torch.equal(loss.get_buffer("identity_bank")[0], pair.layers[0].key[0, 1:])


def test_the_published_size() -> None:
    assert MemoryBank.Config().size == 16384
