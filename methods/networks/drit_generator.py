"""DRIT's generators of both domains, with attributes appended to the features (`concat` 1) or mixed in (`concat` 0).

HsinYingLee/DRIT f19f50a, networks.py, G_concat: 9,564,710 parameters with 256 channels of content; G: 17,146,374.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.networks.drit_content_encoder import Domain
from methods.networks.instance_norm import InstanceNorm
from methods.networks.resnet_generator import ResnetBlock


class ImageNorm(nn.Module):
    """Layer norm over channels and positions of each image (biased variance), then a weight and a bias per channel.

    Args:
        channels: C of the (batch, C, H, W) input.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Normalise (batch, C, H, W)."""
        return F.layer_norm(features, features.shape[1:]) * self.weight + self.bias


def _doubling(before: int) -> nn.Sequential:
    conv = nn.ConvTranspose2d(before, before // 2, 3, stride=2, padding=1, output_padding=1)
    return nn.Sequential(conv, ImageNorm(before // 2), nn.ReLU())


def _append(features: Tensor, attribute: Tensor) -> Tensor:
    """Add an attribute (batch, nz) to the channels of every position."""
    constant = attribute[:, :, None, None].expand(-1, -1, *features.shape[2:])
    return torch.cat([features, constant], dim=1)


class DRITConcatGenerator(nn.Module):
    """A residual block for both domains; then for each, the attribute appended before every stage.

    Args:
        channels: of the content.
        nz: numbers of an attribute.
    """

    def __init__(self, channels: int = 256, nz: int = 8) -> None:
        super().__init__()
        self.share = ResnetBlock(channels)
        self.domains = nn.ModuleDict({domain: _stages(channels, nz) for domain in ("a", "b")})

    def forward(self, content: Tensor, attribute: Tensor, domain: Domain) -> Tensor:
        """Map (batch, C, h, w) and (batch, nz) to images of a domain, (batch, 3, 4 h, 4 w) in [-1, 1]."""
        features = self.share(content)
        for stage in self.domains[domain].children():
            features = stage(_append(features, attribute))
        return torch.tanh(features)


def _stages(channels: int, nz: int) -> nn.Sequential:
    width = channels + nz
    stages: list[nn.Module] = [nn.Sequential(*(ResnetBlock(width) for _ in range(3)))]
    for _ in range(2):
        stages.append(_doubling(width + nz))
        width = (width + nz) // 2
    return nn.Sequential(*stages, nn.ConvTranspose2d(width + nz, 3, 1))


class MixingBlock(nn.Module):
    """x + f(x, z): after each of two normalised convolutions z is appended and mixed in by 1x1 convolutions.

    Args:
        channels: of input and output.
        extra: numbers of z.
    """

    def __init__(self, channels: int, extra: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = _normed(channels), _normed(channels)
        self.blk1, self.blk2 = _mixer(channels, extra), _mixer(channels, extra)

    def forward(self, features: Tensor, z: Tensor) -> Tensor:
        """Map (batch, C, h, w) and (batch, extra) to the features' shape."""
        mixed = self.blk1(_append(self.conv1(features), z))
        return features + self.blk2(_append(self.conv2(mixed), z))


def _normed(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), InstanceNorm(channels))


def _mixer(channels: int, extra: int) -> nn.Sequential:
    both = channels + extra
    return nn.Sequential(nn.Conv2d(both, both, 1), nn.ReLU(), nn.Conv2d(both, channels, 1), nn.ReLU())


class DRITMixingGenerator(nn.Module):
    """Two generators that share nothing; an MLP makes of the attribute what each of four blocks mixes in.

    Args:
        channels: of the content, and of what is mixed in.
        nz: numbers of an attribute.
        mlp_dim: width of the MLPs.
    """

    def __init__(self, channels: int = 256, nz: int = 8, mlp_dim: int = 256) -> None:
        super().__init__()
        parts = [(domain, MixingDecoder(channels)) for domain in ("a", "b")]
        self.domains = nn.ModuleDict(dict(parts))
        mlps = [(domain, _mlp(nz, mlp_dim, 4 * channels)) for domain in ("a", "b")]
        self.mlps = nn.ModuleDict(dict(mlps))  # registered last, as in the original

    def forward(self, content: Tensor, attribute: Tensor, domain: Domain) -> Tensor:
        """Map (batch, C, h, w) and (batch, nz) to images of a domain, (batch, 3, 4 h, 4 w) in [-1, 1]."""
        return self.domains[domain](content, self.mlps[domain](attribute))


class MixingDecoder(nn.Module):
    """Four mixing blocks, two doublings, a 1x1 convolution.

    Args:
        channels: of the content.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(MixingBlock(channels, channels) for _ in range(4))
        last = nn.ConvTranspose2d(channels // 4, 3, 1)
        self.doublings = nn.Sequential(_doubling(channels), _doubling(channels // 2), last, nn.Tanh())

    def forward(self, content: Tensor, mixed_in: Tensor) -> Tensor:
        """Map (batch, C, h, w) and (batch, 4 C) to (batch, 3, 4 h, 4 w)."""
        for block, z in zip(self.blocks, mixed_in.chunk(4, dim=1), strict=True):
            content = block(content, z)
        return self.doublings(content)


def _mlp(nz: int, width: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(nz, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, out))
