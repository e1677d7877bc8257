from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor

from bench.base.errors import BenchError
from methods.networks.equalised import draw_weights, fan_in
from methods.networks.reference_attention import ReferenceAttention
from methods.networks.san import SAN

EXACT = {"rtol": 1e-9, "atol": 1e-11}


def recorded(record: dict[str, Tensor], kind: str, batch_norm: bool = False) -> SAN:
    """The record's layer: 4 relation channels, 8 values that share weights in twos, a window of 3."""
    san = SAN(16, kind, kernel_size=3, relation=4, share=2, batch_norm=batch_norm, values=8).double()
    state = {name.removeprefix("param__"): value for name, value in record.items() if name.startswith("param__")}
    for name, value in state.items():
        if name.endswith("weight") and value.ndim == 4:
            state[name] = value * fan_in(value) ** 0.5  # the record's weights are not equalised
    missing, unexpected = san.load_state_dict(state, strict=False)
    assert not unexpected
    assert all("running" in name or "tracked" in name for name in missing)
    return san


@pytest.mark.parametrize(("kind", "bn"), [("pairwise", False), ("pairwise", True), ("patchwise", False)])
def test_reference_attention_maps(stylegan2_golden, kind: str, bn: bool) -> None:
    g = stylegan2_golden(f"san_{kind}_{'bn' if bn else 'nobn'}.npz")
    san = recorded(g, kind, bn)
    torch.testing.assert_close(san(g["T"], g["T"], g["T"]), g["out"], **EXACT)
    torch.testing.assert_close(san.weights(g["T"], g["T"]).flatten(3), g["weights"], **EXACT)


@pytest.mark.parametrize(
    ("kind", "configuration", "centre"), [*product(("pairwise", "patchwise"), ("eq8", "eq1", "eq2"), ("query", "key"))]
)
def test_reference_configurations(stylegan2_golden, kind: str, configuration: str, centre: str) -> None:
    g = stylegan2_golden(f"san_{kind}_nobn.npz")
    layer = ReferenceAttention(recorded(g, kind), 8, configuration, centre)
    name = "ref_eq8_no_residual" if configuration == "eq8" else f"ref_{configuration}_{centre}_center_no_residual"
    torch.testing.assert_close(layer.attend(g["T"], g["T_ref"]), g[name], **EXACT)


def test_reference_attention_adds_primary_and_bias_and_activates() -> None:
    layer = ReferenceAttention(SAN(8, kernel_size=3, share=4), 8)
    draw_weights(layer, torch.Generator().manual_seed(0))
    with torch.no_grad():
        layer.bias.fill_(3)
    primary, reference = torch.randn(2, 2, 8, 5, 5)
    expected = torch.nn.functional.leaky_relu(layer.attend(primary, reference) + primary + 3, 0.2) * 2**0.5
    torch.testing.assert_close(layer(primary, reference), expected)


def test_reference_attention_without_bias_and_activation() -> None:
    layer = ReferenceAttention(SAN(8, kernel_size=3, share=4), 8, activated=False)
    draw_weights(layer, torch.Generator().manual_seed(0))
    primary, reference = torch.randn(2, 2, 8, 5, 5)
    torch.testing.assert_close(layer(primary, reference), layer.attend(primary, reference) + primary)
    assert layer.bias is None


@pytest.mark.parametrize("kind", ["pairwise", "patchwise"])
def test_unequalised_attention_starts_as_the_same_function(kind: str) -> None:
    """D11 the other way: the weights carry the scale themselves, so only the size of the optimiser's steps differs."""
    x = torch.randn(2, 8, 5, 5, dtype=torch.float64)
    layers = [SAN(8, kind, kernel_size=3, share=4, equalised=equalised).double() for equalised in (True, False)]
    for layer in layers:
        draw_weights(layer, torch.Generator().manual_seed(0))
    outputs = [layer(x, x, x) for layer in layers]
    torch.testing.assert_close(outputs[0], outputs[1])
    weights = [layer.conv1.weight for layer in layers]
    torch.testing.assert_close(weights[0], weights[1] * 8**0.5)


def test_batch_norm_starts_as_the_identity() -> None:
    """Drawing its scales like weights made half of them negative."""
    san = SAN(8, kernel_size=3, share=4, batch_norm=True)
    draw_weights(san, torch.Generator().manual_seed(0))
    scales = [module.weight for module in san.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert len(scales) == 2
    assert all(bool((scale == 1).all()) for scale in scales)


def test_weights_of_eq8_depend_on_the_reference_alone() -> None:
    layer = ReferenceAttention(SAN(8, kernel_size=3, share=4), 8).double()
    draw_weights(layer, torch.Generator().manual_seed(0))
    one, two, reference = torch.randn(3, 1, 8, 5, 5, dtype=torch.float64)
    apart = layer.attend(one, reference) + layer.attend(two, reference)
    torch.testing.assert_close(layer.attend(one + two, reference), apart)  # linear in the primary image


def test_gradients_of_gradients() -> None:
    san = SAN(8, kernel_size=3, share=4).double()
    draw_weights(san, torch.Generator().manual_seed(0))
    x = torch.randn(1, 8, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: san(x, x, x), x)


def test_channels_must_divide() -> None:
    with pytest.raises(BenchError, match="12 channels are not a multiple of san_share 8; lower san_share"):
        SAN(12)
