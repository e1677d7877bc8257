"""The feature spaces of the contrastive feature loss: which network, at which size, which of its maps, whose weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.base.weight_files import EFFICIENTNET_LITE0, WeightFile
from methods.networks.conv_encoder import ConvEncoder
from methods.networks.efficientnet_lite0_features import EfficientNetLite0Features
from methods.networks.meta_copy import meta_copy
from methods.networks.pixel_patches import PixelPatches
from methods.networks.resnet50_features import ResNet50Features
from methods.networks.spade_initialisation import initialise_spade
from methods.networks.vgg19_features import VGG19Features

SpaceName = Literal["pixel", "vgg19", "resnet50", "conv_encoder"]
StandInName = Literal["none", "efficientnet-lite0"]


def _official(name: str, network: str) -> WeightFile:
    """A torchvision file; its name carries the beginning of its sha256, as torch hub's downloads expect."""
    return WeightFile(
        name=name,
        sha256=name.rpartition("-")[2].removesuffix(".pth"),
        purpose=f"{network} pretrained on ImageNet",
        origin=f"https://download.pytorch.org/models/{name}",
    )


@dataclass(frozen=True)
class Space:
    """A network and how images are shown to it.

    Attributes:
        maps: how many feature maps it has.
        resize: side in pixels to which images are resized first, bilinearly; None: they are not.
        align_corners: of that resizing.
        weights: the official weight file; None: there is none.
    """

    maps: int
    resize: int | None = None
    align_corners: bool = False
    weights: WeightFile | None = None


SPACES: dict[str, Space] = {
    "pixel": Space(maps=4),
    "vgg19": Space(maps=5, weights=_official("vgg19-dcbb9e9d.pth", "VGG19")),
    # the first of torchvision's two versions: the second did not exist in 2021
    "resnet50": Space(5, 224, align_corners=True, weights=_official("resnet50-0676ba61.pth", "ResNet50")),
    "conv_encoder": Space(maps=6, resize=256),
    "efficientnet-lite0": Space(5, 224, align_corners=True, weights=EFFICIENTNET_LITE0),
}


class FeatureSpace(nn.Module):
    """Images to feature maps: resize, encode, choose.

    Args:
        name: key of SPACES.
        layers: which maps, counted from 0.
        resize: side in pixels to which images are resized; None: not at all.
        generator: where initial weights come from; None: torch's global generator.
        nef: filters of `conv_encoder`.
        patch_sizes: of `pixel`.

    Attributes:
        channels: of the maps that `forward` returns.
    """

    def __init__(
        self,
        name: str,
        layers: Sequence[int],
        resize: int | None,
        generator: torch.Generator | None,
        nef: int = 64,
        patch_sizes: Sequence[int] = (4, 8, 16),
    ) -> None:
        super().__init__()
        builders: dict[str, Callable[[], Any]] = {
            "pixel": lambda: PixelPatches(patch_sizes),
            "vgg19": VGG19Features,
            "resnet50": ResNet50Features,
            "conv_encoder": lambda: ConvEncoder(nef),
            "efficientnet-lite0": EfficientNetLite0Features,
        }
        self.name = name
        self.layers = list(layers)
        self.resize = resize
        with torch.random.fork_rng(devices=[]):  # the networks draw weights of their own, which the next line replaces
            self.encoder = builders[name]()
        initialise_spade(self.encoder, generator)
        self.channels = [self.encoder.channels[layer] for layer in self.layers]
        self._map_sizes: dict[tuple[int, ...], list[tuple[int, int]]] = {}

    def load_pretrained(self, folder: Path) -> None:
        """Load the official weights.

        Args:
            folder: where weight files are looked for first.

        Raises:
            NotAvailable: if the file is not here.
        """
        weights = SPACES[self.name].weights
        if weights is None:
            raise ValueError(f"feature space {self.name} has no official weights")
        weights.load(folder, self.encoder.load_official)

    def map_sizes(self, size: tuple[int, ...]) -> list[tuple[int, int]]:
        """(height, width) of the chosen maps for images of (H, W), without running the network."""
        if size not in self._map_sizes:
            maps = meta_copy(self)(torch.empty(1, 3, *size, device="meta", dtype=self._dtype()))
            self._map_sizes[size] = [(features.shape[2], features.shape[3]) for features in maps]
        return self._map_sizes[size]

    def _dtype(self) -> torch.dtype:
        """The type of the weights; pixels as a feature space have none."""
        return next((parameter.dtype for parameter in self.parameters()), torch.float32)

    def forward(self, images: Tensor) -> list[Tensor]:
        """The chosen maps of (batch, 3, H, W) in [-1, 1], each (batch, channels, h, w)."""
        if self.resize is not None:
            size = (self.resize, self.resize)
            corners = SPACES[self.name].align_corners
            images = F.interpolate(images, size=size, mode="bilinear", align_corners=corners)
        maps = self.encoder(images)
        return [maps[layer] for layer in self.layers]
