"""The ResNet generator of CycleGAN (Johnson et al.'s transfer network) and CUT's anti-aliased version of it.

CUT: taesungp/contrastive-unpaired-translation b3ac297, models/networks.py, ResnetGenerator; 11,378,179 parameters with
9 blocks and 64 filters, 7,837,699 with 6 blocks, anti-aliased or not. Modules have the originals' indices, which are
what `nce_layers` counts and what keys of official checkpoints contain (`model.12.conv_block.1.weight`).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from bench.base.errors import UsageError
from methods.networks.blur import BlurDownsample, BlurUpsample
from methods.networks.instance_norm import InstanceNorm
from methods.networks.meta_copy import meta_copy
from methods.networks.padding import ReflectionPad2d


class ResnetBlock(nn.Module):
    """x + [reflect pad, conv 3x3, norm, ReLU, reflect pad, conv 3x3, norm](x); no ReLU after the sum.

    Args:
        channels: C of the (batch, C, H, W) input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            InstanceNorm(channels),
            nn.ReLU(),
            ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            InstanceNorm(channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map (batch, C, H, W) to the same shape."""
        return features + self.conv_block(features)


class ResnetGenerator(nn.Module):
    """An image-to-image network: two halvings, residual blocks, two doublings.

    Args:
        input_nc: channels of the input image.
        output_nc: channels of the output image.
        ngf: filters of the first convolution.
        n_blocks: residual blocks.
        antialias: CUT's resampling (stride-1 convolution, then blur) instead of CycleGAN's strided convolutions.
    """

    def __init__(
        self, input_nc: int = 3, output_nc: int = 3, ngf: int = 64, n_blocks: int = 9, antialias: bool = True
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [ReflectionPad2d(3), nn.Conv2d(input_nc, ngf, 7), InstanceNorm(ngf), nn.ReLU()]
        for width in (ngf, 2 * ngf):
            stride = 1 if antialias else 2
            layers += [nn.Conv2d(width, 2 * width, 3, stride, padding=1), InstanceNorm(2 * width), nn.ReLU()]
            if antialias:
                layers += [BlurDownsample(2 * width)]
        layers += [ResnetBlock(4 * ngf) for _ in range(n_blocks)]
        for width in (4 * ngf, 2 * ngf):
            if antialias:
                layers += [BlurUpsample(width), nn.Conv2d(width, width // 2, 3, padding=1)]
            else:
                layers += [nn.ConvTranspose2d(width, width // 2, 3, stride=2, padding=1, output_padding=1)]
            layers += [InstanceNorm(width // 2), nn.ReLU()]
        layers += [ReflectionPad2d(3), nn.Conv2d(ngf, output_nc, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)
        self.input_nc = input_nc
        self._feature_sizes: dict[tuple[tuple[int, ...], tuple[int, ...]], list[tuple[int, int]]] = {}

    def feature_channels(self, layers: Sequence[int]) -> list[int]:
        """Channels of the features at the given module indices, without running the network.

        Raises:
            UsageError: if an index does not exist or the indices do not increase.
        """
        if list(layers) != sorted(set(layers)) or not layers or layers[0] < 0 or layers[-1] >= len(self.model):
            raise UsageError(
                f"nce_layers {list(layers)}: give increasing module indices of the generator, 0 to {len(self.model) - 1}"
            )
        channels = []
        width = self.input_nc
        for module in self.model:
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                width = module.out_channels
            channels.append(width)
        return [channels[layer] for layer in layers]

    def feature_sizes(self, layers: Sequence[int], size: tuple[int, ...]) -> list[tuple[int, int]]:
        """(height, width) of the features at the given module indices, without running the network.

        Args:
            layers: increasing module indices.
            size: (H, W) of the images.
        """
        key = (tuple(layers), size)
        if key not in self._feature_sizes:
            generator = meta_copy(self)
            images = torch.empty(1, self.input_nc, *size, device="meta", dtype=next(generator.parameters()).dtype)
            maps = generator.features(images, layers)
            self._feature_sizes[key] = [(features.shape[2], features.shape[3]) for features in maps]
        return self._feature_sizes[key]

    def forward(self, images: Tensor) -> Tensor:
        """Map (batch, input_nc, H, W) to (batch, output_nc, H, W) in [-1, 1]; H and W multiples of 4."""
        return self.model(images)

    def features(self, images: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """The outputs of the modules with the given indices (increasing); stops at the last of them.

        Layer 0 is the reflection-padded image; 4 and 8 are convolutions before norm, ReLU and blur.
        """
        return self._run(images, layers, stop=layers[-1] + 1)[1]

    def forward_with_features(self, images: Tensor, layers: Sequence[int]) -> tuple[Tensor, list[Tensor]]:
        """The output image and, from the same pass, what `features` returns."""
        return self._run(images, layers, stop=len(self.model))

    def _run(self, images: Tensor, layers: Sequence[int], stop: int) -> tuple[Tensor, list[Tensor]]:
        tapped = []
        current = images
        for index, module in enumerate(self.model):
            if index == stop:
                break
            current = module(current)
            if index in layers:
                tapped.append(current)
        return current, tapped
