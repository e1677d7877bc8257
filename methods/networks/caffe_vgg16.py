"""VGG16 as MUNIT's perceptual loss sees it: Caffe's weights and colours, and one max pool less.

Simonyan and Zisserman, ICLR 2015; NVlabs/MUNIT a82e222, networks.py, Vgg16, and utils.py, vgg_preprocess. The fourth pool is
missing there, so that block 5 works at an eighth of the image; kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.networks.vgg16_features import CONVOLUTIONS, WIDTHS

MEAN_BGR = (103.939, 116.779, 123.680)  # of 8-bit images
POOLED = 3  # blocks that a max pool follows


class CaffeVGG16(nn.Module):
    """relu5_3 of images; never trained.

    Args:
        widths: channels of the five blocks; the official weights have `WIDTHS`.
        generator: draws the weights that nothing is loaded into.
    """

    mean: Tensor

    def __init__(self, widths: Sequence[int] = WIDTHS, generator: torch.Generator | None = None) -> None:
        super().__init__()
        before = 3
        for block, (width, count) in enumerate(zip(widths, CONVOLUTIONS, strict=True), start=1):
            for number in range(1, count + 1):
                conv = nn.Conv2d(before, width, 3, padding=1)
                nn.init.kaiming_normal_(conv.weight, nonlinearity="relu", generator=generator)
                nn.init.zeros_(conv.bias)  # type: ignore[arg-type]  # it has one
                self.add_module(f"conv{block}_{number}", conv)  # the original's names
                before = width
        # in double precision, so that these decimals are exact in it too
        mean = torch.tensor(MEAN_BGR, dtype=torch.float64).view(3, 1, 1)
        self.register_buffer("mean", mean, persistent=False)
        self.requires_grad_(False)

    def load_official(self, state: Mapping[str, Tensor]) -> None:
        """Take the weights of MUNIT's `vgg16.weight`."""
        self.load_state_dict(dict(state))

    def forward(self, images: Tensor) -> Tensor:
        """Map (batch, 3, H, W), RGB in [-1, 1], to (batch, channels, H / 8, W / 8)."""
        x = (images.flip(1) + 1) * 127.5 - self.mean.to(images.dtype)
        for block, count in enumerate(CONVOLUTIONS, start=1):
            for number in range(1, count + 1):
                x = F.relu(self.get_submodule(f"conv{block}_{number}")(x))
            if block <= POOLED:
                x = F.max_pool2d(x, 2)
        return x
