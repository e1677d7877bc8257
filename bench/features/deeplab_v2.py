"""DeepLab v2 with ResNet-101 as its PyTorch port lays it out, so that the port's weight files load name by name.

Chen, Papandreou, Kokkinos, Murphy, Yuille, "DeepLab: Semantic Image Segmentation with Deep Convolutional Nets, Atrous
Convolution, and Fully Connected CRFs", TPAMI 2018; kazuto1011/deeplab-pytorch 4219467, libs/models.
As in Caffe's ResNet, a block's stride is in its first 1x1 convolution, and the stem's max pool rounds up.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

RESNET101 = (3, 4, 23, 3)  # blocks of its four layers
RATES = (6, 12, 18, 24)  # dilations of the classifiers
SMALLER = (0.5, 0.75)  # sizes at which the image is looked at once more
EXPANSION = 4


def _conv(before: int, after: int, kernel: int, stride: int = 1, dilation: int = 1, padding: int = 0) -> nn.Sequential:
    """A convolution and a batch norm under the port's names; activations are written where they are used."""
    layer = nn.Sequential()
    layer.add_module("conv", nn.Conv2d(before, after, kernel, stride, padding, dilation, bias=False))
    layer.add_module("bn", nn.BatchNorm2d(after, eps=1e-5))
    return layer


class Bottleneck(nn.Module):
    """A residual block of ResNet: 1x1 to a quarter of the width, 3x3, 1x1 back.

    Args:
        before, after: channels.
        stride: of the first convolution.
        dilation: of the 3x3 convolution.
        projects: whether the shortcut has a convolution of its own.
    """

    def __init__(self, before: int, after: int, stride: int, dilation: int, projects: bool) -> None:
        super().__init__()
        middle = after // EXPANSION
        self.reduce = _conv(before, middle, 1, stride)
        self.conv3x3 = _conv(middle, middle, 3, 1, dilation, dilation)
        self.increase = _conv(middle, after, 1)
        self.shortcut = _conv(before, after, 1, stride) if projects else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        """Map (batch, before, H, W) to (batch, after, H / stride, W / stride)."""
        inner = F.relu(self.conv3x3(F.relu(self.reduce(features))))
        return F.relu(self.increase(inner) + self.shortcut(features))


class AtrousPyramid(nn.Module):
    """Classifiers that look at the same features with different dilations, added up.

    Args:
        before: channels.
        classes: how many there are.
        rates: their dilations.
    """

    def __init__(self, before: int, classes: int, rates: Sequence[int]) -> None:
        super().__init__()
        for i, rate in enumerate(rates):
            self.add_module(f"c{i}", nn.Conv2d(before, classes, 3, padding=rate, dilation=rate))

    def forward(self, features: Tensor) -> Tensor:
        """Map (batch, before, h, w) to (batch, classes, h, w)."""
        return torch.stack([classifier(features) for classifier in self.children()]).sum(0)


class DeepLabV2(nn.Module):
    """Scores of classes at an eighth of the image: the greatest of those at full size and at the smaller ones.

    Args:
        classes: how many there are; 182 for COCO-Stuff.
        blocks: of the four layers.
        width: channels of the stem.
    """

    def __init__(self, classes: int = 182, blocks: Sequence[int] = RESNET101, width: int = 64) -> None:
        super().__init__()
        self.base = nn.Sequential()
        stem = nn.Sequential()
        conv1 = _conv(3, width, 7, 2, padding=3)
        conv1.add_module("relu", nn.ReLU())
        stem.add_module("conv1", conv1)
        stem.add_module("pool", nn.MaxPool2d(3, 2, 1, ceil_mode=True))
        self.base.add_module("layer1", stem)
        before = width
        plan = zip(blocks, (1, 2, 1, 1), (1, 1, 2, 4), strict=True)  # the last two dilate instead of halving
        for number, (count, stride, dilation) in enumerate(plan, start=2):
            after = EXPANSION * width * 2 ** (number - 2)
            layer = nn.Sequential()
            for i in range(count):
                block = Bottleneck(before if i == 0 else after, after, stride if i == 0 else 1, dilation, i == 0)
                layer.add_module(f"block{i + 1}", block)
            self.base.add_module(f"layer{number}", layer)
            before = after
        self.base.add_module("aspp", AtrousPyramid(before, classes, RATES))

    def forward(self, images: Tensor) -> Tensor:
        """Map (batch, 3, H, W), BGR around its mean, to (batch, classes, h, w)."""
        scores = self.base(images)
        for scale in SMALLER:
            smaller = F.interpolate(images, scale_factor=scale, mode="bilinear", align_corners=False)
            again = F.interpolate(self.base(smaller), size=scores.shape[2:], mode="bilinear", align_corners=False)
            scores = torch.maximum(scores, again)
        return scores


class ClassShares(nn.Module):
    """What share of an image's pixels each class has, by the greatest score at each pixel.

    Args:
        network: images to scores of classes.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Map (batch, 3, H, W) to (batch, classes), rows of which add up to 1."""
        scores = F.interpolate(self.network(images), size=images.shape[2:], mode="bilinear", align_corners=False)
        seen = scores.argmax(1).flatten(1)
        counts = [torch.bincount(pixels, minlength=scores.shape[1]) for pixels in seen]
        return torch.stack(counts) / seen.shape[1]
