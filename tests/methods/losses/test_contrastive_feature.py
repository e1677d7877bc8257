from math import exp, log

import pytest
import torch
from torch import Tensor

from methods.losses.contrastive_feature import aggregate, bidirectional_nce, patch_nce
from methods.networks.projection_head import normalise

PRECISIONS = [(torch.float64, 1e-8), (torch.float32, 2e-4)]


@pytest.mark.parametrize(("fake", "fake_negatives"), [("plain", False), ("fakeneg", True)])
@pytest.mark.parametrize(("keys", "key_gradient"), [("detached", False), ("fullgrad", True)])
@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
def test_reference_values_and_gradients(cfl_golden, fake, fake_negatives, keys, key_gradient, dtype, tolerance):
    arrays = cfl_golden("cfl_nce_unidirectional")
    raw_q, raw_k = (arrays[name].to(dtype).requires_grad_() for name in ("raw_q", "raw_k"))
    losses = patch_nce(normalise(raw_q), normalise(raw_k), float(arrays["tau"]), fake_negatives, key_gradient)
    losses.mean().backward()
    raw_k_grad = torch.zeros_like(raw_k) if raw_k.grad is None else raw_k.grad
    expected = {
        "loss_per_query": losses.flatten(),
        "loss_mean": losses.mean(),
        "grad_raw_q": raw_q.grad,
        "grad_raw_k": raw_k_grad,
    }
    for name, found in expected.items():
        recorded = arrays[f"{fake}_{keys}_{name}"]
        torch.testing.assert_close(found.detach().double(), recorded, rtol=tolerance, atol=tolerance, msg=name)


def loop_bidirectional(query: Tensor, key: Tensor, tau: float, fake_negatives: bool) -> float:
    """The mean over images and patches, spelled out."""
    total = 0.0
    for q, k in zip(query.tolist(), key.tolist(), strict=True):
        for one, other in ((q, k), (k, q)):
            for i, row in enumerate(one):
                similar = [sum(a * b for a, b in zip(row, column, strict=True)) / tau for column in other]
                own = [sum(a * b for a, b in zip(row, column, strict=True)) / tau for column in one]
                negatives = [s for j, s in enumerate(similar) if j != i]
                negatives += [s for j, s in enumerate(own) if j != i] if fake_negatives else []
                total += log(exp(similar[i]) + sum(map(exp, negatives))) - similar[i]
    return total / (len(query) * query.shape[1])


@pytest.mark.parametrize("fake_negatives", [True, False])
def test_both_directions_are_summed(fake_negatives):
    rows = torch.randn(2, 2, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    query, key = normalise(rows)
    found = bidirectional_nce(query, key, 0.07, fake_negatives, True).mean()
    assert float(found) == pytest.approx(loop_bidirectional(query, key, 0.07, fake_negatives), rel=1e-9)


def test_the_released_reverse_term_sends_no_gradient_to_the_generated_image():
    rows = torch.randn(2, 2, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def gradient(loss, key_gradient: bool) -> Tensor:
        query = rows[0].clone().requires_grad_()
        loss(normalise(query), normalise(rows[1]), 0.07, True, key_gradient).mean().backward()
        return query.grad

    assert torch.equal(gradient(bidirectional_nce, False), gradient(patch_nce, False))
    assert not torch.allclose(gradient(bidirectional_nce, True), gradient(patch_nce, True))


def test_other_images_give_no_negatives():
    rows = normalise(torch.randn(2, 3, 6, 5, generator=torch.Generator().manual_seed(2)))
    together = patch_nce(rows[0], rows[1], 0.07, True, True)
    alone = torch.cat([patch_nce(rows[0, i : i + 1], rows[1, i : i + 1], 0.07, True, True) for i in range(3)])
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize(
    ("count", "multiplier", "expected"),
    [
        (3, 1.0, (1 + 2 + 4) / 9),
        (5, 1.0, (1 + 2 + 4) / 25),  # five labels, three maps: weights 1/5 and the division by 5 stay
        (3, 2.0, (1 * 1 + 2 * 2 + 4 * 4) / 7 / 3),
    ],
)
def test_layers_are_normalised_twice(count, multiplier, expected):
    losses = [torch.full((2, 3), value) for value in (1.0, 2.0, 4.0)]
    assert float(aggregate(losses, count, multiplier)) == pytest.approx(expected)
