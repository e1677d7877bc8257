"""netN: NEGCUT's generator of negatives, one MLP per encoder layer.

Wang et al., "Instance-wise Hard Negative Example Generation for Contrastive Learning in Unpaired Image-to-Image
Translation", ICCV 2021; WeilunWang/NEGCUT c7dbe3d. 739,840 parameters for five layers of width 256.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from methods.networks.projection_head import normalise


class NegativeGenerator(nn.Module):
    """Linear - ReLU - Linear on [an image's mean vector, noise], then `normalise`.

    Args:
        depth: encoder layers.
        nc: width of the mean vectors, the MLPs and the negatives (netF_nc).
        noise_nc: width of the noise.
    """

    def __init__(self, depth: int, nc: int = 256, noise_nc: int = 64) -> None:
        super().__init__()
        self.mlps = nn.ModuleList(
            nn.Sequential(nn.Linear(nc + noise_nc, nc), nn.ReLU(), nn.Linear(nc, nc)) for _ in range(depth)
        )

    def forward(self, means: Sequence[Tensor], noise: Sequence[Tensor]) -> list[Tensor]:
        """Make negatives.

        Args:
            means: per layer (batch, nc), what the negatives should be hard for.
            noise: per layer (batch, negatives, noise_nc).

        Returns:
            Per layer (batch, negatives, nc) unit rows.
        """
        negatives = []
        for mlp, mean, z in zip(self.mlps, means, noise, strict=True):
            condition = mean.unsqueeze(1).expand(-1, z.shape[1], -1)
            negatives.append(normalise(mlp(torch.cat([condition, z], dim=2))))
        return negatives
