"""Dilated residual networks for segmentation: DRN-D-22 and DRN-D-105, at any width.

Yu, Koltun, Funkhouser, "Dilated Residual Networks", CVPR 2017; fyu/drn d75db2e, drn.py and segment.py. The resolution
falls to an eighth and no further: later levels dilate their convolutions instead, and the last two, without residuals,
remove the grid that dilation leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Architecture = Literal["drn-d-22", "drn-d-105"]

WIDTHS = (16, 32, 64, 128, 256, 512, 512, 512)
STRIDE = 8  # of the scores before they are enlarged


class BasicBlock(nn.Module):
    """conv3-BN-ReLU-conv3-BN plus the shortcut, then ReLU; both convolutions have the level's dilation."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int, dilation: int, downsample: nn.Module | None) -> None:
        super().__init__()
        self.conv1 = _conv3(inputs, width, stride, dilation)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _conv3(width, width, 1, dilation)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, inputs, H, W) to (batch, width, H / stride, W / stride)."""
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """conv1-BN-ReLU-conv3-BN-ReLU-conv1-BN plus the shortcut, then ReLU; four times as wide outside as inside."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int, dilation: int, downsample: nn.Module | None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _conv3(width, width, stride, dilation)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, inputs, H, W) to (batch, 4 width, H / stride, W / stride)."""
        y = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        return F.relu(self.bn3(self.conv3(y)) + (x if self.downsample is None else self.downsample(x)))


# residual blocks of levels 3 to 6; levels 1, 2, 7 and 8 are one plain convolution each
_BLOCKS: dict[Architecture, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, int, int, int]]] = {
    "drn-d-22": (BasicBlock, (2, 2, 2, 2)),
    "drn-d-105": (Bottleneck, (3, 4, 23, 3)),
}


class DRN(nn.Module):
    """A dilated residual network with a score for each class at each pixel.

    `base`, `seg` and `up` are named as in the original's segmentation checkpoints.

    Args:
        classes: number of classes.
        architecture: which blocks, and how many.
        width: factor of all channel numbers; 1 is the original.
    """

    def __init__(self, classes: int, architecture: Architecture = "drn-d-22", width: float = 1.0) -> None:
        super().__init__()
        block, counts = _BLOCKS[architecture]
        c = [max(1, round(width * channels)) for channels in WIDTHS]
        out = [channels * block.expansion for channels in c[2:6]]
        self.base = nn.Sequential(
            _plain(3, c[0], kernel=7),
            _plain(c[0], c[0]),
            _plain(c[0], c[1], stride=2),
            _level(block, c[1], c[2], counts[0], stride=2),
            _level(block, out[0], c[3], counts[1], stride=2),
            _level(block, out[1], c[4], counts[2], dilation=2),
            _level(block, out[2], c[5], counts[3], dilation=4),
            _plain(out[3], c[6], dilation=2),
            _plain(c[6], c[7]),
        )
        self.seg = nn.Conv2d(c[7], classes, 1)
        self.up = BilinearUpsampling(classes)

    def forward(self, images: Tensor) -> Tensor:
        """Map normalised images (batch, 3, H, W), sides multiples of 8, to log-probabilities (batch, classes, H, W)."""
        return F.log_softmax(self.up(self.seg(self.base(images))), dim=1)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights: N(0, 2 / (kernel area x outputs)) for convolutions, norms one, biases zero."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
                nn.init.normal_(module.weight, 0.0, (2.0 / fan_out) ** 0.5, generator=generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Take the original's ImageNet weights: `layer0` to `layer8` are the base, its classifier `fc` is left out."""
        base = {k.removeprefix("layer"): v for k, v in state.items() if k.startswith("layer")}
        # files from before torch 0.4 lack the batch norms' counters, which momentum 0.1 does not read
        counters = {k: v for k, v in self.base.state_dict().items() if k.endswith("num_batches_tracked")}
        self.base.load_state_dict(counters | base)


class BilinearUpsampling(nn.Module):
    """The transposed convolution by which the original enlarges its scores eight times; its weights are not trained.

    Inside it interpolates bilinearly; at the border it fades towards zero, because nothing is outside.

    Args:
        classes: number of channels, each enlarged on its own.
    """

    weight: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        ramp = 1 - ((torch.arange(2 * STRIDE, dtype=torch.float64) + 0.5) / STRIDE - 1).abs()
        kernel = (ramp[:, None] * ramp).float()
        self.register_buffer("weight", kernel.expand(classes, 1, -1, -1).clone())

    def forward(self, scores: Tensor) -> Tensor:
        """Map (batch, classes, H, W) to (batch, classes, 8 H, 8 W)."""
        return F.conv_transpose2d(scores, self.weight, stride=STRIDE, padding=STRIDE // 2, groups=len(self.weight))


def _conv3(inputs: int, outputs: int, stride: int, dilation: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, dilation, dilation, bias=False)


def _plain(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


def _level(
    block: type[BasicBlock] | type[Bottleneck], inputs: int, width: int, count: int, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    """Residual blocks; the first one changes resolution and width, by a projection on its shortcut."""
    outputs = width * block.expansion
    projection = None
    if stride != 1 or inputs != outputs:
        projection = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
    blocks = [block(inputs, width, stride, dilation, projection)]
    blocks += [block(outputs, width, 1, dilation, None) for _ in range(1, count)]
    return nn.Sequential(*blocks)
