"""The SPADE generator (Park et al., Semantic Image Synthesis with Spatially-Adaptive Normalization, CVPR 2019).

Source: NVlabs/SPADE fecacc9, models/networks/normalization.py, architecture.py, generator.py; names are the original's,
so that official weights load. 93,048,003 parameters for Cityscapes (36 channels, `more`, 64 filters).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.networks.instance_norm import InstanceNorm
from methods.networks.spectral_norm import SpectralConv2d
from methods.networks.synchronised_norm import BatchNorm2d

Norm = Literal["batch", "instance"]
NumUpsampling = Literal["normal", "more", "most"]

NHIDDEN = 128  # channels between the label map and the modulation, whatever the width of the generator
_HALVINGS = {"normal": 5, "more": 6, "most": 7}


class SPADE(nn.Module):
    """Spatially-adaptive normalisation: out = norm(x) * (1 + gamma(m)) + beta(m).

    The label map m is resized to x by the nearest neighbour; gamma and beta are 3x3 convolutions of a shared 3x3
    convolution of m. The norm has no parameters; `batch` is synchronised batch norm.

    Args:
        channels: of x.
        label_channels: of m.
        norm: `batch` (eps 1e-5, momentum 0.1) or `instance`.
        nhidden: channels of the shared convolution.
    """

    def __init__(self, channels: int, label_channels: int, norm: Norm = "batch", nhidden: int = NHIDDEN) -> None:
        super().__init__()
        self.param_free_norm = BatchNorm2d(channels, affine=False) if norm == "batch" else InstanceNorm(channels)
        self.mlp_shared = nn.Sequential(nn.Conv2d(label_channels, nhidden, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(nhidden, channels, 3, padding=1)
        self.mlp_beta = nn.Conv2d(nhidden, channels, 3, padding=1)

    def forward(self, x: Tensor, semantics: Tensor) -> Tensor:
        """Modulate x (batch, channels, H, W) by the label map (batch, label_channels, any H, any W)."""
        hidden = self.mlp_shared(F.interpolate(semantics, size=x.shape[2:], mode="nearest"))
        return self.param_free_norm(x) * (1 + self.mlp_gamma(hidden)) + self.mlp_beta(hidden)


class SPADEResnetBlock(nn.Module):
    """x_s + conv_1(lrelu(norm_1(conv_0(lrelu(norm_0(x)))))); x_s = x, or conv_s(norm_s(x)) if the width changes.

    Args:
        fin, fout: channels before and after; between the convolutions there are min(fin, fout).
        label_channels: of the label map.
        norm: of the SPADE layers.
        nhidden: of the SPADE layers.
    """

    def __init__(self, fin: int, fout: int, label_channels: int, norm: Norm = "batch", nhidden: int = NHIDDEN) -> None:
        super().__init__()
        middle = min(fin, fout)
        self.conv_0 = SpectralConv2d(fin, middle, 3, padding=1)
        self.conv_1 = SpectralConv2d(middle, fout, 3, padding=1)
        self.conv_s = SpectralConv2d(fin, fout, 1, bias=False) if fin != fout else None
        self.norm_0 = SPADE(fin, label_channels, norm, nhidden)
        self.norm_1 = SPADE(middle, label_channels, norm, nhidden)
        self.norm_s = SPADE(fin, label_channels, norm, nhidden) if fin != fout else None

    def forward(self, x: Tensor, semantics: Tensor) -> Tensor:
        """Map (batch, fin, H, W) to (batch, fout, H, W)."""
        shortcut = x if self.conv_s is None or self.norm_s is None else self.conv_s(self.norm_s(x, semantics))
        dx = self.conv_0(F.leaky_relu(self.norm_0(x, semantics), 0.2))
        return shortcut + self.conv_1(F.leaky_relu(self.norm_1(dx, semantics), 0.2))


class SPADEGenerator(nn.Module):
    """A label map to an image: it enters small at the start, and again in every normalisation.

    Args:
        label_channels: of the label map.
        ngf: filters of the last block; the first ones have 16 times as many.
        size: (width, height) of the image in pixels; multiples of 2 to the number of halvings.
        num_upsampling_layers: normal (5 halvings), more (6) or most (7).
        norm: of the SPADE layers.
        nhidden: of the SPADE layers.
    """

    def __init__(
        self,
        label_channels: int,
        ngf: int = 64,
        size: tuple[int, int] = (256, 256),
        num_upsampling_layers: NumUpsampling = "normal",
        norm: Norm = "batch",
        nhidden: int = NHIDDEN,
    ) -> None:
        super().__init__()
        self.num_upsampling_layers = num_upsampling_layers
        scale = 2 ** _HALVINGS[num_upsampling_layers]
        if size[0] % scale or size[1] % scale:
            raise ValueError(f"{num_upsampling_layers} upsampling layers need sides that are multiples of {scale}")
        self.start = (size[1] // scale, size[0] // scale)

        def block(fin: float, fout: float) -> SPADEResnetBlock:
            return SPADEResnetBlock(int(fin * ngf), int(fout * ngf), label_channels, norm, nhidden)

        self.fc = nn.Conv2d(label_channels, 16 * ngf, 3, padding=1)
        self.head_0 = block(16, 16)
        self.G_middle_0 = block(16, 16)
        self.G_middle_1 = block(16, 16)
        self.up_0 = block(16, 8)
        self.up_1 = block(8, 4)
        self.up_2 = block(4, 2)
        self.up_3 = block(2, 1)
        self.up_4 = block(1, 0.5) if num_upsampling_layers == "most" else None
        last = ngf // 2 if num_upsampling_layers == "most" else ngf
        self.conv_img = nn.Conv2d(last, 3, 3, padding=1)

    def forward(self, semantics: Tensor) -> Tensor:
        """Map (batch, label_channels, H, W) to an image (batch, 3, H, W) in [-1, 1]."""
        x = self.head_0(self.fc(F.interpolate(semantics, size=self.start, mode="nearest")), semantics)
        x = self.G_middle_0(_doubled(x), semantics)
        if self.num_upsampling_layers != "normal":
            x = _doubled(x)
        x = self.G_middle_1(x, semantics)
        for block in (self.up_0, self.up_1, self.up_2, self.up_3, self.up_4):
            if block is not None:
                x = block(_doubled(x), semantics)
        return torch.tanh(self.conv_img(F.leaky_relu(x, 0.2)))


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")
