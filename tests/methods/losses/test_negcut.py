from __future__ import annotations

import pytest
import torch

from bench.base.errors import BenchError
from bench.base.randomness import Draws
from bench.plugin.loss import LayerPair, LayerShape, LossContext, Pair
from bench.plugin.method import StepContext
from methods.losses.negcut import NEGCUTLoss, diversity
from methods.networks.initialisation import initialise
from methods.networks.projection_head import ProjectionHead


def test_reference_diversity(golden) -> None:
    record = golden("negcut_generator.npz")
    found = torch.stack([diversity(record[f"neg_{layer}"][None]) for layer in range(2)])
    torch.testing.assert_close(found, record["diversity_per_layer"], rtol=1e-12, atol=0)
    torch.testing.assert_close(found.mean().reshape(1), record["diversity_loss_lambda1"], rtol=1e-12, atol=0)


def test_one_negative_has_no_diversity() -> None:
    with pytest.raises(BenchError, match="raise num_patches"):
        diversity(torch.ones(1, 1, 4))


def a_loss(**options) -> NEGCUTLoss:
    loss = NEGCUTLoss(NEGCUTLoss.Config(**options))
    loss.build((3, 8), lambda: initialise(ProjectionHead((3, 8), 32), "normal", torch.Generator().manual_seed(1), 0.5))
    return loss


def a_pair(kind: str, seed: int, batch: int = 1) -> Pair:
    generator = torch.Generator().manual_seed(seed)
    layers = []
    for channels, side, patches in ((3, 6, 16), (8, 4, 12)):
        query, key = (
            torch.nn.functional.normalize(torch.randn(batch, patches, 32, generator=generator), dim=2) for _ in "qk"
        )
        maps = [torch.randn(batch, channels, side, side, generator=generator) for _ in "qk"]
        layers.append(LayerPair(query, key, torch.arange(patches), *maps))
    return Pair(kind, layers)


def context_of(loss: NEGCUTLoss, *pairs: Pair) -> LossContext:
    """What the host gives for one call about these pairs; `of(pair)` is what it gives for a call about one."""
    moment, drawn = StepContext(0, 1, 10, 10, Draws(0).at(0)), {}
    for pair in pairs:
        shapes = [LayerShape(len(x.key_map), len(x.ids), *x.key_map.shape[1:]) for x in pair.layers]
        drawn |= {f"{pair.kind}/{name}": noise for name, noise in loss.draw(moment, shapes).items()}
    return LossContext(0.07, drawn)


def test_mean_over_all_places_of_the_key_map(golden) -> None:
    record = golden("negcut_generator.npz")
    loss = a_loss().double()
    for network, prefix in ((loss.F_, "F_ema"), (loss.N, "N")):
        for index, (name, parameter) in enumerate(network.named_parameters()):
            parameter.data.copy_(record[f"{prefix}.{index:03d}.{name.rpartition('.')[2]}"])

    maps = [record[f"feat_{layer}"] for layer in range(2)]
    rows = torch.zeros(1, 16, 32, dtype=torch.float64)
    pair = Pair("translation", [LayerPair(rows, rows, torch.arange(16), m, m) for m in maps])
    noise = {f"noise.{layer}": record[f"noise_{layer}"] for layer in range(2)}
    drawn = context_of(loss, pair).of(pair).drawn
    assert {name: z.shape for name, z in drawn.items()} == {name: z.shape for name, z in noise.items()}
    found = loss.negatives(pair, LossContext(0.07, noise))
    for layer in range(2):
        torch.testing.assert_close(found[layer][0], record[f"neg_{layer}"], rtol=1e-12, atol=1e-13)


def test_diversity_is_that_of_the_last_pair() -> None:
    loss, pairs = a_loss(), [a_pair("translation", 1), a_pair("identity", 2)]
    context = context_of(loss, *pairs)
    made = [loss.negatives(pair, context.of(pair)) for pair in pairs]
    terms = loss.adversary_loss(pairs, context)
    torch.testing.assert_close(terms["N_div"], torch.stack([diversity(n) for n in made[1]]).mean())
    each = [loss(pair, context.of(pair)) for pair in pairs]
    torch.testing.assert_close(terms["N_NCE"], -0.5 * (each[0] + each[1]))
    alone = loss.adversary_loss(pairs[:1], context)
    torch.testing.assert_close(alone["N_div"], torch.stack([diversity(n) for n in made[0]]).mean())


def test_as_many_negatives_as_the_largest_layer_has_queries() -> None:
    loss = a_loss()
    for batch in (1, 2):
        pair = a_pair("translation", 1, batch)
        made = loss.negatives(pair, context_of(loss, pair).of(pair))
        assert [n.shape for n in made] == [(batch, 16, 32)] * 2


def test_the_average_head_starts_elsewhere_and_follows() -> None:
    loss = a_loss()
    head = ProjectionHead((3, 8), 32)
    old = [p.clone() for p in loss.F_.parameters()]
    with torch.no_grad():
        loss.after_generator_step({"netF": head}, LossContext(0.07))
    for before, now, current in zip(old, loss.F_.parameters(), head.parameters(), strict=True):
        torch.testing.assert_close(now, 0.9 * before + 0.1 * current)


def test_the_generator_of_negatives_starts_with_the_gain_of_the_others() -> None:
    weight = next(a_loss().N.parameters())
    assert weight.std().item() == pytest.approx(0.02 * (2 / (96 + 32)) ** 0.5, rel=0.1)


@pytest.mark.parametrize(("option", "value"), [("noise_nc", 0), ("noise_nc", None), ("noise_nc", "wide")])
def test_options_that_make_no_sense_are_refused(option, value) -> None:
    with pytest.raises(ValueError, match=option):
        NEGCUTLoss.Config(**{option: value})
    assert NEGCUTLoss.Config().noise_nc == 64


def test_one_layer_is_enough() -> None:
    loss = NEGCUTLoss(NEGCUTLoss.Config())
    loss.build((3,), lambda: ProjectionHead((3,), 32))
    pair = Pair("translation", a_pair("translation", 1).layers[:1])
    (made,) = loss.negatives(pair, context_of(loss, pair).of(pair))
    assert made.shape == (1, 16, 32)
