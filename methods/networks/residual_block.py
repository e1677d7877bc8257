"""The residual block of MUNIT and DRIT: reflection-padded, instance-normalised, no activation after the sum."""

from __future__ import annotations

from torch import Tensor, nn

from methods.networks.instance_norm import InstanceNorm


class ResidualBlock(nn.Module):
    """x + [conv 3x3, IN, ReLU, conv 3x3, IN](x).

    Args:
        channels: of input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            InstanceNorm(channels),
            nn.ReLU(),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            InstanceNorm(channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map (batch, C, H, W) to the same shape."""
        return features + self.model(features)
