"""AdaIN as StarGAN v2 has it: instance normalisation whose gain and shift come from a style.

Huang and Belongie, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization", ICCV 2017;
clovaai/stargan-v2 875b70a, core/model.py.
"""

from __future__ import annotations

from torch import Tensor, nn

from methods.networks.instance_norm import InstanceNorm


class AdaIN(nn.Module):
    """(1 + gamma) IN(x) + beta; gamma and beta are a linear map of the style.

    Args:
        style_dim: numbers of a style.
        channels: of the features.
    """

    def __init__(self, style_dim: int, channels: int) -> None:
        super().__init__()
        self.norm = InstanceNorm(channels)
        self.fc = nn.Linear(style_dim, 2 * channels)

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        """Map (batch, channels, H, W) and styles (batch, style_dim) to the features' shape."""
        gamma, beta = self.fc(style)[:, :, None, None].chunk(2, dim=1)
        return (1 + gamma) * self.norm(features) + beta
