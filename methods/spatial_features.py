"""The frozen features between which F-LSeSim compares self-similarities: VGG16, or what stands in for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from bench.base.weight_files import EFFICIENTNET_LITE0, WeightFile
from methods.networks.efficientnet_lite0_features import EfficientNetLite0Features
from methods.networks.meta_copy import meta_copy
from methods.networks.vgg16_features import WIDTHS, VGG16Features

StandInName = Literal["none", "efficientnet-lite0", "random"]

VGG16_FILE = WeightFile(
    name="vgg16-397923af.pth",
    sha256="397923af",
    purpose="VGG16 pretrained on ImageNet",
    origin="https://download.pytorch.org/models/vgg16-397923af.pth",
)
# EfficientNet-lite0's block that has the resolution of each ReLU of VGG16; it starts at one half of the image
_BLOCKS = (1, 1, 1, 1, 2, 3, 3, 4, 5, 5, 8, 11, 11)


class SpatialFeatures(nn.Module):
    """Images to feature maps, never trained and always in evaluation mode.

    Args:
        stand_in: `none`: VGG16; `efficientnet-lite0`: its blocks of the same resolution; `random`: VGG16 as it is drawn.
        layers: ReLUs of VGG16, counted from 0.
        widths: channels of VGG16's blocks.
        generator: draws the weights that nothing is loaded into.

    Attributes:
        channels: of the maps that `forward` returns.
    """

    def __init__(
        self,
        stand_in: StandInName,
        layers: Sequence[int],
        widths: Sequence[int] = WIDTHS,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.stand_in, self.layers = stand_in, tuple(layers)
        self._sizes: dict[tuple[int, ...], list[tuple[int, int]]] = {}
        with torch.random.fork_rng(devices=[]):  # the networks draw weights of their own, which are replaced
            if stand_in == "efficientnet-lite0":
                blocks = [_BLOCKS[layer] for layer in layers]
                self.encoder: VGG16Features | EfficientNetLite0Features = EfficientNetLite0Features(sorted(set(blocks)))
                self._chosen = [self.encoder.ends.index(block) for block in blocks]
                self.channels = [self.encoder.channels[index] for index in self._chosen]
            else:
                self.encoder = VGG16Features(widths)
                self.channels = [self.encoder.channels[layer] for layer in layers]
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        self.requires_grad_(False).eval()

    @staticmethod
    def weight_file(stand_in: StandInName, widths: Sequence[int] = WIDTHS) -> WeightFile | None:
        """The official file of the encoder's weights; None: there is none, as for a VGG16 of other widths."""
        if stand_in == "efficientnet-lite0":
            return EFFICIENTNET_LITE0
        return VGG16_FILE if stand_in == "none" and tuple(widths) == WIDTHS else None

    def train(self, mode: bool = True) -> SpatialFeatures:
        """Stay in evaluation mode whatever the method is in: statistics of batch norms do not move."""
        return super().train(False)

    def map_sizes(self, size: tuple[int, ...]) -> list[tuple[int, int]]:
        """(height, width) of the maps for images of (H, W), without running the network."""
        if size not in self._sizes:
            dtype = next(self.parameters()).dtype
            maps = meta_copy(self)(torch.empty(1, 3, *size, device="meta", dtype=dtype))
            self._sizes[size] = [(features.shape[2], features.shape[3]) for features in maps]
        return self._sizes[size]

    def forward(self, images: Tensor) -> list[Tensor]:
        """The chosen maps of (batch, 3, H, W) in [-1, 1], each (batch, channels, h, w)."""
        if isinstance(self.encoder, VGG16Features):
            return self.encoder(images, self.layers)
        maps = self.encoder(images)
        return [maps[index] for index in self._chosen]
