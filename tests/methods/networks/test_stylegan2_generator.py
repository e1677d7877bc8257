from __future__ import annotations

import pytest
import torch

from methods.networks.equalised import draw_weights
from methods.networks.san import SAN
from methods.networks.stylegan2_generator import AttentionLayer, StyleGAN2Generator

EXACT = {"rtol": 1e-8, "atol": 1e-10}
ENDS = [0, -1]  # of eight images the first and the last are stored, where one says as much as eight


def test_reference_images(stylegan2_golden, reference_generator) -> None:
    g = stylegan2_golden("g32_io.npz")
    netG = reference_generator()
    w = netG.mapping(g["z"])
    torch.testing.assert_close(w, g["w"], **EXACT)
    ws = netG.broadcast(w)
    assert list(ws.shape) == g["ws_shape"].tolist()
    seen = {}
    for r in (4, 8, 16, 32):
        netG.synthesis.get_submodule(f"b{r}").register_forward_hook(
            lambda module, inputs, output, r=r: seen.update({f"x{r}": output[0], f"img{r}": output[1]})
        )
    torch.testing.assert_close(netG(g["z"]), g["img_const"], **EXACT)
    assert len(seen) == 8
    torch.testing.assert_close(seen.pop("img32"), g["img_const"], **EXACT)
    for name, value in seen.items():
        stored = g[name]
        torch.testing.assert_close(value[ENDS] if len(stored) == 2 else value, stored, **EXACT)


def test_reference_truncation_and_mixing(stylegan2_golden, reference_generator) -> None:
    g = stylegan2_golden("g32_io.npz")
    netG = reference_generator()
    ws = netG.broadcast(g["w"])
    torch.testing.assert_close(netG.mapping.truncate(ws, 0.7), g["ws_psi07"], **EXACT)
    torch.testing.assert_close(netG.mapping.truncate(ws, 0.7, cutoff=4), g["ws_psi07_cutoff4"], **EXACT)
    torch.testing.assert_close(netG(g["z"], psi=0.7)[ENDS], g["img_psi07"], **EXACT)
    other = netG.broadcast(netG.mapping(g["z_mix"]))
    cutoff = int(g["mix_cutoff"])
    mixed = torch.cat([ws[:, :cutoff], other[:, cutoff:]], dim=1)
    torch.testing.assert_close(netG.synthesis(mixed, None)[ENDS], g["img_mix"], **EXACT)


def test_reference_average_of_w(stylegan2_golden, reference_generator) -> None:
    g = stylegan2_golden("g32_io.npz")
    mapping = reference_generator().mapping
    torch.testing.assert_close(mapping.w_avg, g["w_avg_before"], **EXACT)
    mapping.update_average(g["w"])
    torch.testing.assert_close(mapping.w_avg, g["w_avg_after_one_training_pass"], **EXACT)


def test_noise_strength_zero_takes_the_noise_out(stylegan2_golden, reference_generator) -> None:
    g = stylegan2_golden("g32_io.npz")
    netG = reference_generator()
    with torch.no_grad():
        for name, parameter in netG.named_parameters():
            if name.endswith("noise_strength"):
                parameter.zero_()
    torch.testing.assert_close(netG(g["z"], torch.Generator().manual_seed(0))[ENDS], g["img_nonoise"], **EXACT)


def test_single_precision(stylegan2_golden, reference_generator) -> None:
    g = stylegan2_golden("g32_io.npz")
    expected = g["img_const"]
    found = reference_generator().float()(g["z"].float())
    assert (found - expected).abs().max() < 2e-4 * expected.abs().max()


def test_random_noise_differs_between_samples_and_follows_its_generator(reference_generator) -> None:
    netG = reference_generator()
    z = torch.zeros(2, 16, dtype=torch.float64) + torch.arange(16)
    one, two = netG(z, torch.Generator().manual_seed(1)), netG(z, torch.Generator().manual_seed(1))
    assert torch.equal(one, two)
    assert not torch.allclose(one[0], one[1])


# config E and F and the small ones, as the released networks count them
@pytest.mark.parametrize(
    ("resolution", "base", "maximum", "z_dim", "count"),
    [
        (32, 16384, 512, 512, 21_523_475),
        (64, 16384, 512, 512, 23_819_544),
        (128, 16384, 512, 512, 24_525_213),
        (256, 16384, 512, 512, 24_767_458),
        (128, 32768, 512, 512, 29_328_669),
        (256, 32768, 512, 512, 30_034_338),
        (128, 4096, 128, 128, 1_538_685),
        (64, 2048, 64, 64, 375_480),
        (32, 1024, 32, 32, 85_715),
        (32, 512, 16, 16, 21_875),
    ],
)
def test_parameter_counts(resolution: int, base: int, maximum: int, z_dim: int, count: int) -> None:
    with torch.device("meta"):
        netG = StyleGAN2Generator(resolution, z_dim, z_dim, channel_base=base, channel_max=maximum)
    assert sum(p.numel() for p in netG.parameters()) == count


def test_attention_takes_the_place_of_the_second_convolution() -> None:
    with torch.device("meta"):
        plain = StyleGAN2Generator(128)
        attentive = StyleGAN2Generator(
            128,
            attention_resolution=32,
            make_attention=lambda channels, side: AttentionLayer(SAN(channels), channels, side),
        )
    C, R, W, k = 512, 32, 64, 7
    added = 2 * (C * R + R) + C * C + C + R * (k**2 + 1) * W + k**2 * W * (W + 1)
    removed = C * C * 9 + C * 512 + C  # the modulated convolution and its style; noise and bias stay
    difference = [sum(p.numel() for p in net.parameters()) for net in (attentive, plain)]
    assert difference[0] - difference[1] == added - removed
    assert attentive.num_ws == plain.num_ws == 12


def test_attention_is_residual_and_blind_to_w() -> None:
    netG = StyleGAN2Generator(
        16,
        8,
        8,
        channel_base=128,
        channel_max=16,
        attention_resolution=8,
        make_attention=lambda channels, side: AttentionLayer(SAN(channels, kernel_size=3, share=4), channels, side),
    ).double()
    draw_weights(netG, torch.Generator().manual_seed(0))
    layer = netG.synthesis.b8.conv1
    x = torch.randn(2, 16, 8, 8, dtype=torch.float64)
    expected = torch.nn.functional.leaky_relu(layer.attention(x, x, x) + x, 0.2) * 2**0.5
    torch.testing.assert_close(layer(x, torch.randn(2, 8, dtype=torch.float64), None), expected)
    assert netG(torch.randn(2, 8, dtype=torch.float64)).shape == (2, 3, 16, 16)


def test_modulated_attention_sees_the_channels_that_w_scales() -> None:
    """With D12 the other way the residual stays as it is, and w = 0 gives the unmodulated layer: its affine starts at 1."""
    layer = AttentionLayer(SAN(8, kernel_size=3, share=4), 8, 6, modulated_by=5).double()
    draw_weights(layer, torch.Generator().manual_seed(0))
    x, w = torch.randn(2, 8, 6, 6, dtype=torch.float64), torch.randn(2, 5, dtype=torch.float64)
    seen = x * (w @ layer.affine.weight.T / 5**0.5 + 1)[:, :, None, None]
    expected = torch.nn.functional.leaky_relu(layer.attention(seen, seen, seen) + x, 0.2) * 2**0.5
    torch.testing.assert_close(layer(x, w, None), expected)
    plain = torch.nn.functional.leaky_relu(layer.attention(x, x, x) + x, 0.2) * 2**0.5
    torch.testing.assert_close(layer(x, torch.zeros_like(w), None), plain)


def test_attention_without_noise_bias_and_activation() -> None:
    layer = AttentionLayer(SAN(8, kernel_size=3, share=4), 8, 6, activated=False).double()
    draw_weights(layer, torch.Generator().manual_seed(0))
    x = torch.randn(2, 8, 6, 6, dtype=torch.float64)
    stream = torch.Generator().manual_seed(1)
    torch.testing.assert_close(layer(x, torch.zeros(2, 5), stream), layer.attention(x, x, x) + x)
    assert {name.split(".")[0] for name in layer.state_dict()} == {"attention"}
