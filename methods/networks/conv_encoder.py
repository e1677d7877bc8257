"""The six-layer convolutional encoder that the contrastive feature loss trains from scratch.

Source: alexandonian/contrastive-feature-loss 788ac92, models/networks/encoder.py; 8,366,016 parameters with 64 filters,
9,139,904 with six MLP heads: the paper's 9.1M.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from methods.networks.instance_norm import InstanceNorm
from methods.networks.spectral_norm import SpectralConv2d

LAYERS = 6


class ConvEncoder(nn.Module):
    """Six 3x3 stride-2 convolutions with spectral and instance norm; the features are the inputs of the six.

    Args:
        nef: filters of the first convolution; doubled by each further one up to 8 times.
    """

    def __init__(self, nef: int = 64) -> None:
        super().__init__()
        widths = [3, *(nef * min(2**n, 8) for n in range(LAYERS))]
        self.channels = tuple(widths[:LAYERS])
        for index in range(LAYERS):
            convolution = SpectralConv2d(widths[index], widths[index + 1], 3, stride=2, padding=1, bias=False)
            self.add_module(f"layer{index}", nn.Sequential(convolution, InstanceNorm(widths[index + 1])))
        # the last convolution and this tail yield no feature; the original has them, and the paper counts them
        self.fc = nn.Linear(widths[-1] * 4 * 4, 256)

    def forward(self, images: Tensor) -> list[Tensor]:
        """RGB and the activated outputs of the first five layers, for (batch, 3, H, W) in [-1, 1]."""
        features = [images]
        for index in range(LAYERS - 1):
            features.append(F.leaky_relu(self.get_submodule(f"layer{index}")(features[-1]), 0.2))
        return features
