from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.base.errors import BenchError
from methods.attention_maps import attention_overlay, self_attention_maps
from methods.networks.equalised import draw_weights
from methods.networks.san import SAN
from methods.networks.stylegan2_generator import AttentionLayer, StyleGAN2Generator


def attention_layer(channels: int, resolution: int) -> AttentionLayer:
    return AttentionLayer(SAN(channels, kernel_size=3, share=4), channels, resolution)


def generator(attention: bool = True) -> StyleGAN2Generator:
    netG = StyleGAN2Generator(
        16, 8, 8, channel_base=128, channel_max=16,
        attention_resolution=8 if attention else None,
        make_attention=attention_layer if attention else None,
    )  # fmt: skip
    draw_weights(netG, torch.Generator().manual_seed(0))
    return netG


def test_maps_are_the_norms_of_the_kernels() -> None:
    netG, z = generator(), torch.randn(2, 8)
    layer, seen = netG.synthesis.b8.conv1, []
    torch.nn.init.normal_(layer.attention.conv_w[5].bias)  # so that no weight is exactly 0
    layer.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    images, maps = self_attention_maps(netG, z, [(4, 5), (0, 7)])
    torch.testing.assert_close(images, netG(z))
    weights = layer.attention.weights(seen[0], seen[0])
    assert maps.shape == (2, 2, 8, 8)
    # the window's place (0, 2) of position (4, 5) is (3, 6)
    assert maps[1, 0, 3, 6].item() == pytest.approx(weights[1, :, 2, 4, 5].norm().item(), rel=1e-5)
    assert int((maps[0, 0] > 0).sum()) == 9
    assert int((maps[0, 1] > 0).sum()) == 4  # a corner sees four places of the map
    assert maps[0, 1, 0, 7].item() == pytest.approx(weights[0, :, 4, 0, 7].norm().item(), rel=1e-5)


def test_overlay_marks_the_position_and_brightens_what_is_attended() -> None:
    attention = torch.zeros(4, 4)
    attention[1, 2] = 2.0
    shown = attention_overlay(np.full((8, 8, 3), 100, dtype=np.uint8), attention, (3, 0))
    assert shown[2, 4].tolist() == [239, 239, 239]
    assert shown[0, 0].tolist() == [60, 60, 60]
    assert shown[7, 1].tolist() == [255, 40, 40]


def test_needs_attention_and_a_place_on_its_map() -> None:
    with pytest.raises(BenchError, match="set self_attention to a resolution"):
        self_attention_maps(generator(attention=False), torch.randn(1, 8), [(0, 0)])
    with pytest.raises(BenchError, match=r"\(8, 0\) lies outside of the attention's 8 x 8 map"):
        self_attention_maps(generator(), torch.randn(1, 8), [(8, 0)])
