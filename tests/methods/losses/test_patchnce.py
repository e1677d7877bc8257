from math import exp, log

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from bench.plugin.loss import LossContext
from methods.losses.patchnce import PatchNCE, patchnce


@pytest.mark.parametrize("case", ["patchnce_b1", "patchnce_b2_perimage"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-8), (torch.float32, 2e-4)])
def test_reference_values_and_gradients(golden, case: str, dtype: torch.dtype, tolerance: float) -> None:
    arrays = golden(f"{case}.npz")
    shape = (int(arrays["B"]), int(arrays["n_patches"]), -1)
    query = arrays["q"].to(dtype).requires_grad_()
    key = arrays["k"].to(dtype).requires_grad_()
    losses = patchnce(query.view(shape), key.view(shape), float(arrays["T"]))
    losses.mean().backward()
    assert losses.shape == shape[:2]
    torch.testing.assert_close(losses.detach().flatten().double(), arrays["loss_vec"], rtol=tolerance, atol=tolerance)
    mean = arrays["loss_mean"].squeeze()
    torch.testing.assert_close(losses.detach().mean().double(), mean, rtol=tolerance, atol=tolerance)
    assert query.grad is not None
    scale = arrays["grad_q"].abs().max()
    torch.testing.assert_close(query.grad.double() / scale, arrays["grad_q"] / scale, rtol=0, atol=tolerance)
    assert key.grad is None


def loop(query: Tensor, key: Tensor, temperature: float) -> Tensor:
    """Equation 4, one patch at a time, with the code's -10 for the masked entry."""
    losses = []
    for q, k in zip(query, key, strict=True):
        for i in range(len(q)):
            logits = [float(q[i] @ k[i]), *(float(q[i] @ k[j]) if j != i else -10.0 for j in range(len(q)))]
            logits = [value / temperature for value in logits]
            losses.append(log(sum(exp(value) for value in logits)) - logits[0])
    return torch.tensor(losses, dtype=query.dtype).view(query.shape[:2])


@pytest.mark.parametrize("temperature", [0.07, 3.0])  # at 3 the masked entry is visible
def test_equals_a_loop(temperature: float) -> None:
    query, key = F.normalize(torch.randn(2, 2, 7, 5, dtype=torch.float64), dim=-1)
    torch.testing.assert_close(patchnce(query, key, temperature), loop(query, key, temperature), rtol=1e-10, atol=1e-10)


def test_plugin_uses_the_hosts_temperature() -> None:
    query, key = F.normalize(torch.randn(2, 1, 7, 5), dim=-1)
    context = LossContext(temperature=0.5)
    assert torch.equal(PatchNCE()(query, key, context), patchnce(query, key, 0.5))
