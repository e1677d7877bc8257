"""Equalised layers, modulated convolution, resampling and minibatch statistics against stored reference values."""

from __future__ import annotations

import pytest
import torch

from bench.base.errors import BenchError
from methods.networks import fir_resampling as fir
from methods.networks.equalised import EqualisedConv2d, EqualisedLinear, draw_weights, lrelu
from methods.networks.minibatch_stddev import append_minibatch_stddev
from methods.networks.modulated_convolution import modulated_conv2d

EXACT = {"rtol": 1e-9, "atol": 1e-12}


def test_equalised_layers(stylegan2_golden) -> None:
    g = stylegan2_golden("equalised_layers.npz")
    linear = EqualisedLinear(6, 5, lr_multiplier=float(g["fc_lrmul"])).double()
    linear.load_state_dict({"weight": g["fc_w"], "bias": g["fc_b"]})
    torch.testing.assert_close(lrelu(linear(g["fc_x"])), g["fc_out"], **EXACT)
    conv = EqualisedConv2d(3, 4, 3).double()
    conv.load_state_dict({"weight": g["conv_w"], "bias": g["conv_b"]})
    torch.testing.assert_close(lrelu(conv(g["conv_x"])), g["conv_out"], **EXACT)


def test_initial_values() -> None:
    linear = EqualisedLinear(400, 500, bias_init=1.0, lr_multiplier=0.01)
    draw_weights(linear, torch.Generator().manual_seed(0))
    assert linear.weight.std().item() == pytest.approx(100, rel=0.01)
    assert linear(torch.zeros(1, 400)).tolist() == [pytest.approx([1.0] * 500)]


def test_modulated_convolution(stylegan2_golden) -> None:
    g = stylegan2_golden("modconv.npz")
    x, styles, w3 = g["x"], g["styles"], g["w3"]
    plain = modulated_conv2d(x, w3, styles)
    torch.testing.assert_close(plain, g["out_demod3x3"], **EXACT)
    torch.testing.assert_close(plain + g["noise"], g["out_demod3x3_noise"], **EXACT)
    torch.testing.assert_close(modulated_conv2d(x, w3, styles, up=True), g["out_demod3x3_up2"], **EXACT)
    torch.testing.assert_close(modulated_conv2d(x, g["w1"], styles, demodulate=False), g["out_nodemod1x1"], **EXACT)


def test_resampling(stylegan2_golden) -> None:
    g = stylegan2_golden("resample.npz")
    x = g["x"]
    torch.testing.assert_close(fir.upsample2(x), g["upsample2"], **EXACT)
    torch.testing.assert_close(fir.downsample2(x), g["downsample2"], **EXACT)
    torch.testing.assert_close(fir.conv_downsample2(x, g["w3"]), g["conv3_down2"], **EXACT)
    torch.testing.assert_close(fir.conv_downsample2(x, g["w1"]), g["conv1_down2"], **EXACT)
    torch.testing.assert_close(fir.conv_upsample2(x, g["w3"]), g["conv3_up2"], **EXACT)
    torch.testing.assert_close(fir.upsample2(torch.nn.functional.conv2d(x, g["w1"])), g["conv1_up2"], **EXACT)


def test_the_filter_is_the_outer_product(stylegan2_golden) -> None:
    impulse = torch.zeros(1, 1, 7, 7, dtype=torch.float64)
    impulse[0, 0, 3, 3] = 1
    torch.testing.assert_close(fir.blur(impulse, 0)[0, 0], stylegan2_golden("resample.npz")["filter2d"], **EXACT)


@pytest.mark.parametrize(
    ("case", "group", "features"),
    [("n8_g4_f1", 4, 1), ("n8_gall_f1", None, 1), ("n8_g4_f2", 4, 2), ("n2_g4_f1", 4, 1), ("n12_g4_f1", 4, 1)],
)
def test_minibatch_stddev(stylegan2_golden, case: str, group: int | None, features: int) -> None:
    g = stylegan2_golden("mbstd.npz")
    x = g["x12"] if "n12" in case else g["x8"][: int(case[1])]
    torch.testing.assert_close(append_minibatch_stddev(x, group, features), g[f"out_{case}"], **EXACT)


def test_minibatch_stddev_refuses_a_batch_that_does_not_divide() -> None:
    with pytest.raises(BenchError, match="batch of 6 does not divide into groups of 4"):
        append_minibatch_stddev(torch.zeros(6, 2, 4, 4))
