from __future__ import annotations

import torch

from methods.networks.dropout_resnet import DropoutResnetGenerator
from methods.networks.resnet_generator import ResnetGenerator


def test_it_is_the_strided_generator_where_nothing_is_dropped() -> None:
    netG, plain = DropoutResnetGenerator(2, 2), ResnetGenerator(ngf=2, n_blocks=2, antialias=False)
    plain.load_state_dict(netG.state_dict())
    images = torch.rand(2, 3, 16, 24) * 2 - 1
    assert torch.equal(netG(images), plain(images))
    assert netG.kept_shape(2, 16, 24) == plain.features(images, [9])[0].shape


def test_what_is_kept_is_doubled_and_the_rest_is_forgotten() -> None:
    netG = DropoutResnetGenerator(2, 1)
    images = torch.rand(1, 3, 16, 16) * 2 - 1
    kept = torch.rand(netG.kept_shape(1, 16, 16)) < 0.5
    block = netG.model[10]
    seen: list[torch.Tensor] = []
    block.conv_block[3].register_forward_hook(lambda module, given, made: seen.append(made))
    block.conv_block[4].register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    netG(images, [kept])
    inner, dropped = seen
    assert inner[kept].max() > 0
    assert torch.equal(dropped[kept], 2 * inner[kept])
    assert dropped[~kept].abs().max() == 0
