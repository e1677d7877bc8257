from __future__ import annotations

from math import log

import pytest
import torch
from torch.nn.functional import cross_entropy, softplus

from bench.base.errors import BenchError
from bench.plugin.discovery import plugins
from methods.losses.dual_contrastive import _log1p_sum_exp, dual_contrastive
from methods.losses.logistic import logistic_discriminator, logistic_generator

EXACT = {"rtol": 1e-9, "atol": 1e-12}


@pytest.mark.parametrize("case", ["n1", "n4", "n8_big", "n6_m3", "n32", "extreme"])
def test_reference_values_and_gradients(stylegan2_golden, case: str) -> None:
    g = {
        k.removeprefix(f"{case}__"): v
        for k, v in stylegan2_golden("dual_contrastive.npz").items()
        if k.startswith(f"{case}__")
    }
    r, f = g["real"].requires_grad_(), g["fake"].requires_grad_()
    D = dual_contrastive(r, f)
    torch.testing.assert_close(D, g["loss_D"], **EXACT)
    torch.testing.assert_close(D, g["C_real"] + g["C_fake"], **EXACT)
    torch.testing.assert_close(-D, g["loss_G_minimax"], **EXACT)
    # one anchor against all the others: the parts of which C is the mean
    of_real, of_fake = f.unsqueeze(0) - r.unsqueeze(1), f.unsqueeze(1) - r.unsqueeze(0)
    torch.testing.assert_close(_log1p_sum_exp(of_real), g["per_anchor_real"], **EXACT)
    torch.testing.assert_close(_log1p_sum_exp(of_fake), g["per_anchor_fake"], **EXACT)
    swap = dual_contrastive(f, r)
    torch.testing.assert_close(swap, g["loss_G_swap"], **EXACT)
    dr, df = torch.autograd.grad(D, (r, f))
    torch.testing.assert_close(dr, g["dlossD_dreal"], **EXACT)
    torch.testing.assert_close(df, g["dlossD_dfake"], **EXACT)
    torch.testing.assert_close(-df, g["dlossGminimax_dfake"], **EXACT)
    torch.testing.assert_close(torch.autograd.grad(swap, f)[0], g["dlossGswap_dfake"], **EXACT)
    assert abs(float(dr.sum() + df.sum())) < 1e-12  # only differences of logits matter


def test_equals_two_cross_entropies() -> None:
    r, f = torch.randn(5, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
    # one real among all fakes, and one fake among all reals with the signs turned
    real = torch.stack([torch.cat([r[i : i + 1], f]) for i in range(5)])
    fake = torch.stack([torch.cat([-f[j : j + 1], -r]) for j in range(3)])
    zero = torch.zeros(5, dtype=torch.int64)
    expected = cross_entropy(real, zero) + cross_entropy(fake, zero[:3])
    torch.testing.assert_close(dual_contrastive(r, f), expected, **EXACT)


def test_properties(stylegan2_golden) -> None:
    zero = torch.zeros(4, dtype=torch.float64)
    assert dual_contrastive(zero, zero).item() == pytest.approx(2 * log(5), rel=1e-12)
    assert stylegan2_golden("dual_contrastive.npz")["zeros4__loss_D"].item() == pytest.approx(2 * log(5))
    r, f = torch.randn(2, 6, dtype=torch.float64)
    torch.testing.assert_close(dual_contrastive(r + 7, f + 7), dual_contrastive(r, f), **EXACT)
    torch.testing.assert_close(dual_contrastive(r[:1], f[:1]), 2 * softplus(f[0] - r[0]), **EXACT)
    assert not torch.isclose(dual_contrastive(r, f), dual_contrastive(f, r))


def test_groups_are_contrasted_apart() -> None:
    r, f = torch.randn(2, 8, dtype=torch.float64)
    expected = (dual_contrastive(r[:4], f[:4]) + dual_contrastive(r[4:], f[4:])) / 2
    torch.testing.assert_close(dual_contrastive(r, f, group=4), expected, **EXACT)
    with pytest.raises(BenchError, match="contrast_batch 3 does not divide 8 real and 8 fake logits"):
        dual_contrastive(r, f, group=3)


def test_logistic(stylegan2_golden) -> None:
    g = stylegan2_golden("other_losses.npz")
    torch.testing.assert_close(logistic_discriminator(g["real"], g["fake"]), g["logistic_ns_D"], **EXACT)
    torch.testing.assert_close(logistic_generator(g["fake"]), g["logistic_ns_G"], **EXACT)


def test_adversarial_losses_are_not_offered_as_patch_wise_losses() -> None:
    assert not {"dual_contrastive", "logistic"} & set(plugins("loss"))
