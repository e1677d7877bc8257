from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import normalize

from methods.losses.hdce import coupled, hardness_divisor, hardness_weights, hdce_paper, hdce_released
from methods.losses.patchnce import patchnce
from methods.losses.semantic_relation import semantic_relation

# prefix of the reference record -> divisor; None: no hard negatives
CASES = {
    "g50_ep1": hardness_divisor(1, 400, 50, 10, None),
    "g50_ep400": hardness_divisor(400, 400, 50, 10, None),
    "g1_nocurr": 1.0,
    "g0p1_nocurr": 0.1,
    "step_ep200": hardness_divisor(200, 400, 50, 10, 0.5),
    "step_ep201": hardness_divisor(201, 400, 50, 10, 0.5),
    "no_hneg": None,
}
STORED_AS = {"step_ep201": "g1_nocurr"}  # the same numbers: after the step the divisor is 1


@pytest.mark.parametrize("case", CASES)
def test_reference_values_and_gradients(golden, case: str) -> None:
    record = golden("src_hdce.npz")
    q = record["q"][None].requires_grad_()
    k = record["k"][None].requires_grad_()
    divisor = CASES[case]
    case = STORED_AS.get(case, case)
    weights = None if divisor is None else hardness_weights(k, divisor)
    losses = hdce_released(q, k, weights, 0.07)
    losses.mean().backward()
    torch.testing.assert_close(q.grad[0], record[f"{case}__grad_q_hdce"], rtol=1e-10, atol=1e-14)
    assert k.grad is None
    reported = coupled(losses.detach())
    torch.testing.assert_close(reported[0], record[f"{case}__hdce_reported_vec"], rtol=1e-10, atol=0)
    torch.testing.assert_close(reported.mean(), record[f"{case}__hdce_reported_mean"].squeeze(), rtol=1e-10, atol=0)
    if weights is not None:
        torch.testing.assert_close(losses[0].detach(), record[f"{case}__hdce_effective_vec"], rtol=1e-11, atol=0)
        torch.testing.assert_close(weights, record[f"{case}__weight"], rtol=1e-11, atol=1e-300)


def test_reference_schedules(golden) -> None:
    record = golden("hdce_gamma_schedule.npz")
    for name, step_at in (("h2z_gamma", None), ("cityscapes_gamma", 0.5)):
        found = [hardness_divisor(int(epoch), 400, 50, 10, step_at) for epoch in record["epoch"]]
        torch.testing.assert_close(torch.tensor(found, dtype=torch.float64), record[name])


def test_the_schedule_scales_with_the_length() -> None:
    """Eight epochs make the same way as 400: down to the minimum, the step after half of them."""
    found = [hardness_divisor(epoch, 8, 50, 10, 0.5) for epoch in range(1, 9)]
    assert found == [45.0, 40.0, 35.0, 30.0, 1.0, 1.0, 1.0, 1.0]
    assert hardness_divisor(8, 8, 50, 10, None) == 10.0


def unit_rows(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    k = normalize(torch.randn(2, 9, 6, generator=generator, dtype=torch.float64), dim=2)
    q = normalize(k + 0.5 * torch.randn(2, 9, 6, generator=generator, dtype=torch.float64), dim=2)
    return q, k


def dot(a, b) -> float:
    return sum(float(x) * float(y) for x, y in zip(a, b, strict=True))


def test_released_and_paper_by_loops() -> None:
    """Both written out with nothing but sums of exponentials."""
    q, k = unit_rows()
    n, tau, g = 9, 0.07, 2.0
    released = hdce_released(q, k, hardness_weights(k, g), tau)
    paper = hdce_paper(q, k, 1 / g, tau)
    for b in range(2):
        for i in range(n):
            others = [j for j in range(n) if j != i]
            positive = dot(q[b, i], k[b, i])
            hardest = max(dot(k[b, i], k[b, j]) for j in others)
            weight = {j: math.exp((dot(k[b, i], k[b, j]) - hardest) / g) for j in others}
            total = sum(math.exp(weight[j] * dot(q[b, i], k[b, j]) / tau) for j in others) + math.exp(-10 / tau)
            assert float(released[b, i]) == pytest.approx(math.log(total) - positive / tau, rel=1e-5)

            importance = {j: math.exp(dot(k[b, i], k[b, j]) / g) for j in others}
            normaliser = sum(importance.values()) / (n - 1)
            expected = sum(importance[j] * math.exp(dot(q[b, i], k[b, j]) / tau) for j in others) / (n - 1)
            ratio = math.exp(positive / tau) / ((n - 1) * expected / normaliser)
            assert float(paper[b, i]) == pytest.approx(-math.log(ratio), rel=1e-5)


def test_without_hardness_both_are_plain_dce_and_its_coupled_form_is_patchnce() -> None:
    q, k = unit_rows()
    plain = hdce_released(q, k, None, 0.07)
    torch.testing.assert_close(hdce_paper(q, k, None, 0.07), plain)
    torch.testing.assert_close(hdce_paper(q, k, 1e-12, 0.07), plain)
    torch.testing.assert_close(hdce_released(q, k, hardness_weights(k, 1e12), 0.07), plain)
    torch.testing.assert_close(coupled(plain), patchnce(q, k, 0.07))


def test_a_harder_curriculum_counts_hard_negatives_more() -> None:
    q, k = unit_rows()
    milder, harder = (hardness_weights(k, g).masked_fill(torch.eye(9, dtype=torch.bool), 1.0) for g in (50.0, 10.0))
    assert bool((harder <= milder).all())
    assert float(harder.max()) == 1.0
    assert bool((hdce_paper(q, k, 20.0, 0.07) > hdce_paper(q, k, 0.1, 0.07)).float().mean() > 0.5)
    assert not harder.requires_grad


def test_eq_9_decoupling_keeps_the_gradient_of_easy_negatives() -> None:
    """d(InfoNCE) = (1 - softmax weight of the positive) d(DCE), row by row."""
    q, k = unit_rows()
    q = q.requires_grad_()
    losses = hdce_released(q, k, None, 0.07)
    (decoupled,) = torch.autograd.grad(losses.sum(), q, retain_graph=True)
    (info,) = torch.autograd.grad(coupled(losses).sum(), q)
    torch.testing.assert_close(info, torch.sigmoid(losses.detach()).unsqueeze(2) * decoupled)


@pytest.mark.parametrize("iteration", [0, 50, 100])
def test_reference_values_of_the_multimodal_code(cfl_golden, iteration: int) -> None:
    """The authors' second code base writes the same losses otherwise: weights as a softmax divided by its maximum."""
    record = cfl_golden("src_hdce_multimodal")
    batch, tau = int(record["batch"]), float(record["tau"])
    q, k = (record[name].unflatten(0, (batch, -1)).clone() for name in ("feat_query", "feat_key"))
    q.requires_grad_()
    case = f"it{iteration}_"
    weights = hardness_weights(k, float(record[f"{case}gamma"]))
    off_diagonal = ~torch.eye(weights.shape[1], dtype=torch.bool)
    torch.testing.assert_close(
        weights[:, off_diagonal], record[f"{case}weight"][:, off_diagonal], rtol=1e-9, atol=1e-12
    )
    losses = hdce_released(q, k, weights, tau)
    torch.testing.assert_close(losses.flatten().detach(), record[f"{case}hdce_logsumexp"], rtol=1e-9, atol=1e-12)
    relation = semantic_relation(q, k).sum()
    torch.testing.assert_close(relation.detach(), record[f"{case}jsd_sum"], rtol=1e-9, atol=1e-12)
    (0.1 * relation + losses.mean()).backward()
    expected = record[f"{case}grad_query_of_0.1src_plus_1.0hdce"]
    torch.testing.assert_close(q.grad.flatten(0, 1), expected, rtol=1e-8, atol=1e-10)
