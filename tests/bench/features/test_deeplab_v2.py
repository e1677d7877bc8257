"""DeepLab v2 against its layers written once more, in double precision, and the layout of its weight files."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.models import resnet101

from bench.features.deeplab_v2 import RATES, ClassShares, DeepLabV2

BLOCKS = (2, 1, 2, 1)


@pytest.fixture
def small() -> DeepLabV2:
    torch.manual_seed(0)
    network = DeepLabV2(classes=5, blocks=BLOCKS, width=4).double().eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor, low in ((module.weight, 0.8), (module.bias, -0.2), (module.running_mean, -0.1)):
                torch.nn.init.uniform_(tensor, low, low + 0.4)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network


def by_hand(state: dict[str, Tensor], x: Tensor) -> Tensor:
    """One size, from the names in the file."""

    def conv(x: Tensor, name: str, stride: int = 1, dilation: int = 1, padding: int = 0) -> Tensor:
        x = F.conv2d(x, state[f"base.{name}.conv.weight"], None, stride, padding, dilation)
        mean, variance, weight, bias = (
            state[f"base.{name}.bn.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (variance + 1e-5).sqrt() * weight + bias

    x = torch.relu(conv(x, "layer1.conv1", stride=2, padding=3))
    x = F.max_pool2d(x, 3, 2, 1, ceil_mode=True)
    for layer, (count, stride, dilation) in enumerate(zip(BLOCKS, (1, 2, 1, 1), (1, 1, 2, 4), strict=True), start=2):
        for block in range(1, count + 1):
            name, first = f"layer{layer}.block{block}", block == 1
            inner = torch.relu(conv(x, f"{name}.reduce", stride=stride if first else 1))
            inner = torch.relu(conv(inner, f"{name}.conv3x3", dilation=dilation, padding=dilation))
            x = torch.relu(conv(inner, f"{name}.increase") + (conv(x, f"{name}.shortcut", stride) if first else x))
    scores = 0
    for i, rate in enumerate(RATES):
        weight, bias = state[f"base.aspp.c{i}.weight"], state[f"base.aspp.c{i}.bias"]
        scores = scores + F.conv2d(x, weight, bias, padding=rate, dilation=rate)
    return scores


def test_scores_are_the_greatest_of_three_sizes(small: DeepLabV2) -> None:
    images, state = 50 * torch.randn(2, 3, 65, 49, dtype=torch.float64), small.state_dict()
    full = by_hand(state, images)
    assert full.shape[2:] == (9, 7)  # an eighth, rounded up
    expected = [full]
    for scale, size in ((0.5, (32, 24)), (0.75, (48, 36))):
        smaller = F.interpolate(images, scale_factor=scale, mode="bilinear", align_corners=False)
        assert smaller.shape[2:] == size
        expected.append(F.interpolate(by_hand(state, smaller), size=(9, 7), mode="bilinear", align_corners=False))
    with torch.no_grad():
        found = small(images)
    torch.testing.assert_close(found, torch.stack(expected).amax(0), rtol=1e-10, atol=1e-10)
    assert all((found > one).any() for one in expected)  # each of them has a say


def test_shares_are_counted_at_every_pixel_of_the_image(small: DeepLabV2) -> None:
    images = 50 * torch.randn(2, 3, 65, 49, dtype=torch.float64)
    with torch.no_grad():
        shares, scores = ClassShares(small)(images), small(images)
    large = F.interpolate(scores, size=(65, 49), mode="bilinear", align_corners=False)
    for image, found in zip(large, shares, strict=True):
        winners = [max(range(5), key=lambda c: pixel[c]) for pixel in image.flatten(1).T.tolist()]
        assert found.tolist() == pytest.approx([winners.count(c) / (65 * 49) for c in range(5)])


def test_layout_of_the_released_file() -> None:
    with torch.device("meta"):
        network, backbone = DeepLabV2(), resnet101(weights=None)
    parameters = dict(network.named_parameters())
    # ResNet-101 without its classifier, and four classifiers of 3x3
    of_backbone = sum(p.numel() for name, p in backbone.named_parameters() if not name.startswith("fc."))
    of_classifiers = 4 * (2048 * 182 * 9 + 182)
    assert sum(p.numel() for p in parameters.values()) == of_backbone + of_classifiers == 55_919_384
    for name, shape in {
        "base.layer1.conv1.conv.weight": (64, 3, 7, 7),
        "base.layer2.block1.shortcut.bn.bias": (256,),
        "base.layer3.block4.increase.conv.weight": (512, 128, 1, 1),
        "base.layer4.block23.conv3x3.conv.weight": (256, 256, 3, 3),
        "base.layer5.block3.reduce.conv.weight": (512, 2048, 1, 1),
        "base.aspp.c3.weight": (182, 2048, 3, 3),
        "base.aspp.c0.bias": (182,),
    }.items():
        assert tuple(parameters[name].shape) == shape
