"""StarGAN v2's blocks against recorded outputs of the original's, and what a block of two sizes must do."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from methods.networks.adain import AdaIN
from methods.networks.high_pass import HighPass
from methods.networks.stargan_blocks import AdaptiveResidualBlock, ResidualBlock, halvings, widths

BLOCKS = {
    "resblk_norm_down": (ResidualBlock, {"normalise": True, "downsample": True}),
    "resblk_plain_same": (ResidualBlock, {}),
    "adainresblk_up": (AdaptiveResidualBlock, {"upsample": True}),
    "adainresblk_hpf1": (AdaptiveResidualBlock, {"shortcut": False}),
}


def part(arrays: dict[str, Tensor], name: str) -> tuple[dict[str, Tensor], list[Tensor], Tensor]:
    """A block's weights, its inputs and its output."""
    own = {key.removeprefix(f"{name}_"): value for key, value in arrays.items() if key.startswith(f"{name}_")}
    inputs = [own.pop(key) for key in ("in0", "in1") if key in own]
    return own, inputs, own.pop("out")


def built(name: str, arrays: dict[str, Tensor]) -> tuple[nn.Module, list[Tensor], Tensor]:
    weights, inputs, expected = part(arrays, name)
    kind, options = BLOCKS[name]
    after, before = weights["conv2.weight"].shape[0], inputs[0].shape[1]
    style = {} if kind is ResidualBlock else {"style_dim": inputs[1].shape[1]}
    block = kind(before, after, **style, **options).double()
    block.load_state_dict(weights)
    return block, inputs, expected


@pytest.mark.parametrize("name", BLOCKS)
def test_recorded_blocks(cfl_golden, name: str) -> None:
    block, inputs, expected = built(name, cfl_golden("starganv2_blocks"))
    torch.testing.assert_close(block(*inputs), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", BLOCKS)
def test_the_records_tell_details_apart(cfl_golden, name: str) -> None:
    block, inputs, expected = built(name, cfl_golden("starganv2_blocks"))
    if isinstance(block, AdaptiveResidualBlock):
        block.shortcut = not block.shortcut
    else:
        block.downsample = not block.downsample
    found = block(*inputs)
    assert found.shape != expected.shape or not torch.allclose(found, expected, atol=1e-3)


def test_recorded_adain(cfl_golden) -> None:
    weights, (features, style), expected = part(cfl_golden("starganv2_blocks"), "adain")
    layer = AdaIN(style.shape[1], features.shape[1]).double()
    layer.load_state_dict(weights)
    torch.testing.assert_close(layer(features, style), expected, rtol=0, atol=1e-12)


def test_recorded_high_pass_filter(cfl_golden) -> None:
    arrays = cfl_golden("starganv2_blocks")
    found = HighPass(1).double()(arrays["highpass_in"])
    torch.testing.assert_close(found, arrays["highpass_out"], rtol=0, atol=1e-12)
    torch.testing.assert_close(HighPass(4)(torch.ones(1, 2, 3, 3)).sum(), torch.tensor(4 * 5 / 4 * 2 + 4 * 3 / 4 * 2))


def test_a_wider_block_keeps_an_unused_convolution_without_its_shortcut() -> None:
    block = AdaptiveResidualBlock(4, 2, 3, shortcut=False)
    block(torch.rand(1, 4, 4, 4), torch.rand(1, 3)).sum().backward()
    assert block.conv1x1.weight.grad is None
    assert all(p.grad is not None for name, p in block.named_parameters() if name != "conv1x1.weight")


def test_parameters_come_in_the_originals_order() -> None:
    names = [name for name, _ in ResidualBlock(2, 4, normalise=True).named_parameters()]
    layers = ["conv1", "conv2", "norm1", "norm2"]
    assert [name.partition(".")[0] for name in names] == [*(layer for layer in layers for _ in range(2)), "conv1x1"]
    names = [name for name, _ in AdaptiveResidualBlock(2, 4, 3).named_parameters()]
    assert names[4:] == ["norm1.fc.weight", "norm1.fc.bias", "norm2.fc.weight", "norm2.fc.bias", "conv1x1.weight"]


def test_widths_double_up_to_the_cap() -> None:
    assert widths(4, 10, 4) == [4, 8, 10, 10, 10]
    assert [halvings(side) for side in (8, 16, 64, 256)] == [1, 2, 4, 6]
