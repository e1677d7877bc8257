"""SRC + hDCE with iterations and sums, against recorded terms (float64)."""

from __future__ import annotations

import pytest
import torch

from bench.base.randomness import Draws
from bench.loss import LayerPair, LossContext, Pair
from bench.method import StepContext
from methods.losses.src_hdce_multimodal import SRCHDCEMultimodal, SRCHDCEMultimodalConfig


def pair_of(query: torch.Tensor, key: torch.Tensor, layers: int = 1) -> Pair:
    nothing = torch.zeros(0)
    return Pair("translation", [LayerPair(query, key, nothing, nothing, nothing)] * layers)


def context_of(loss: SRCHDCEMultimodal, iteration: int, total: int = 100, temperature: float = 0.07) -> LossContext:
    return LossContext(temperature, loss.draw(StepContext(iteration, 1, total, 1, Draws(0).at(0)), []))


@pytest.mark.parametrize("iteration", [0, 50, 100])
def test_recorded_terms_and_gradient(cfl_golden, iteration: int) -> None:
    record, case = cfl_golden("src_hdce_multimodal"), f"it{iteration}_"
    loss = SRCHDCEMultimodal()
    context = context_of(loss, iteration, temperature=float(record["tau"]))
    assert float(context.drawn["divisor"]) == float(record[f"{case}gamma"])
    batch = int(record["batch"])
    flat = record["feat_query"].requires_grad_()
    pair = pair_of(flat.unflatten(0, (batch, -1)), record["feat_key"].unflatten(0, (batch, -1)), layers=3)
    terms = loss.terms(pair, context)
    assert terms.keys() == {"SRC", "hDCE", "hDCE_reported"}
    torch.testing.assert_close(terms["SRC"].detach(), 0.1 * record[f"{case}jsd_sum"], rtol=1e-9, atol=0)
    reported = record[f"{case}hdce_reported_mean"]
    torch.testing.assert_close(terms["hDCE_reported"], reported, rtol=1e-9, atol=0)
    (terms["SRC"] + terms["hDCE"]).backward()
    expected = record[f"{case}grad_query_of_0.1src_plus_1.0hdce"]
    torch.testing.assert_close(flat.grad, expected, rtol=1e-8, atol=1e-10)


def rows(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(2, 5, 4, generator=generator, dtype=torch.float64), dim=2)


def test_options() -> None:
    pair = pair_of(rows(0).requires_grad_(), rows(1))
    standard = SRCHDCEMultimodal()
    start = standard.terms(pair, context_of(standard, 0))
    end = standard.terms(pair, context_of(standard, 99))
    fixed = SRCHDCEMultimodal(SRCHDCEMultimodalConfig(use_curriculum=False))
    assert torch.equal(fixed.terms(pair, context_of(fixed, 99))["hDCE"], start["hDCE"])
    assert not torch.allclose(start["hDCE"], end["hDCE"])
    plain = SRCHDCEMultimodal(SRCHDCEMultimodalConfig(use_hard=False, lambda_src=0.0))
    assert context_of(plain, 0).drawn == {}
    assert plain.terms(pair, context_of(plain, 0)).keys() == {"hDCE", "hDCE_reported"}
    # PatchNCE with the negatives of all other patches, and one of -10 in the place of the positive
    nce = SRCHDCEMultimodal(SRCHDCEMultimodalConfig(use_hard=False, lambda_nce=2.0))
    found = nce.terms(pair, context_of(nce, 0))
    logits = pair.layers[0].query @ pair.layers[0].key.transpose(1, 2)
    masked = logits.masked_fill(torch.eye(5, dtype=torch.bool), -10)
    full = torch.cat([logits.diagonal(dim1=1, dim2=2)[:, :, None], masked], dim=2) / 0.07
    expected = torch.nn.functional.cross_entropy(full.flatten(0, 1), torch.zeros(10, dtype=torch.long))
    torch.testing.assert_close(found["NCE"], 2 * expected)
    assert "hDCE" not in found
