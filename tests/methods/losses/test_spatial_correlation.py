from __future__ import annotations

import pytest
import torch
from official_steps import official_arrays

from methods.losses.spatial_correlation import compare_similarity, contrast_similarity, self_similarity
from methods.networks.patch_selectors import PatchSelectors

WHOLE = 64


@pytest.mark.parametrize("norm", ["norm", "nonorm"])
@pytest.mark.parametrize(("mode", "window"), [("cos", "full"), ("l1", "full"), ("cos", "local4")])
def test_recorded_similarities_losses_and_gradients(norm: str, mode: str, window: str) -> None:
    arrays = official_arrays("lsesim")
    case = f"{norm}_{mode}_{window}__"
    use_norm, size = norm == "norm", 4 if window == "local4" else WHOLE
    source, target = (arrays[name].requires_grad_() for name in ("f_src", "f_tgt"))
    rows = [self_similarity(features, arrays[f"{case}ids"], size, use_norm) for features in (source, target)]
    loss = compare_similarity(*rows, mode, use_norm)
    loss.backward()
    expected = {"sim_src": rows[0], "sim_tgt": rows[1], "grad_src": source.grad, "grad_tgt": target.grad}
    for name, found in expected.items():
        scale = arrays[case + name].abs().max()
        torch.testing.assert_close(found.detach() / scale, arrays[case + name] / scale, rtol=0, atol=1e-10, msg=name)
    torch.testing.assert_close(loss.detach(), arrays[f"{case}loss"].squeeze(), rtol=1e-12, atol=0)


def test_recorded_losses_of_a_selector() -> None:
    arrays = official_arrays("lsesim")
    selector = PatchSelectors([16]).double()
    names = ("conv.000.weight", "conv.001.bias", "conv.002.weight", "conv.003.bias")
    for parameter, name in zip(selector.parameters(), names, strict=True):
        parameter.data.copy_(arrays[f"learned__{name}"])
    for case, streams in (("learned_info", ("f_src", "f_tgt", "f_other")), ("learned_cos", ("f_src", "f_tgt"))):
        maps = [selector([arrays[stream]])[0] for stream in streams]
        rows = [self_similarity(features, arrays[f"{case}__ids"], WHOLE, False) for features in maps]
        loss = contrast_similarity(*rows, 0.07) if len(rows) == 3 else compare_similarity(*rows, "cos", False)
        torch.testing.assert_close(loss.detach(), arrays[f"{case}__loss"].squeeze(), rtol=1e-12, atol=0)


def test_the_window_stays_inside_an_oblong_map() -> None:
    features = torch.randn(2, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    found = self_similarity(features, None, 3, use_norm=False)
    centred = (features - features.mean(dim=(2, 3), keepdim=True)) / 3**0.5
    for query in range(35):
        row, column = divmod(query, 7)
        top, left = min(max(row - 1, 0), 2), min(max(column - 1, 0), 4)
        key = centred[:, :, top : top + 3, left : left + 3].flatten(2)
        expected = torch.tanh((centred[:, :, row, column, None] * key).sum(1) / 10)
        torch.testing.assert_close(found[:, query], expected)


def test_equal_similarities_at_the_threshold_are_all_kept() -> None:
    target = torch.tensor([[[3.0, 2.0, 2.0, 2.0, 1.0, 0.0, 0.0, 0.0]]])  # the third largest of eight is 2
    source = torch.tensor([[[0.0, 0.0, 0.0, 5.0, 7.0, 0.0, 0.0, 0.0]]])
    loss = compare_similarity(source, target, "cos", use_norm=True)
    assert loss.item() == pytest.approx(1 - 10 / (5 * 21**0.5))


def test_gradients_are_those_of_finite_differences() -> None:
    maps = [torch.randn(1, 4, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(k)) for k in (0, 1)]
    ids = torch.tensor([0, 5, 11])

    def loss(target: torch.Tensor) -> torch.Tensor:
        rows = [self_similarity(features, ids, 3, True) for features in (maps[0], target)]
        return compare_similarity(*rows, "cos", True)

    assert torch.autograd.gradcheck(loss, maps[1].requires_grad_())
