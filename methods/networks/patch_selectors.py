"""LSeSim's selectors: per layer a small network that chooses what of VGG's features the self-similarity looks at.

Source: lyndonzheng/F-LSeSim 6ca7883, models/losses.py; 184,960 parameters for 256, 512 and 512 channels.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

LEAST_WIDTH = 32


class PatchSelectors(nn.Module):
    """Conv 1x1 - ReLU - conv 1x1 for each layer, C to max(32, C / 4) channels.

    Args:
        channels: of the feature map at each layer.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        for index, inputs in enumerate(channels):
            width = max(LEAST_WIDTH, inputs // 4)
            # the original's names, so that official checkpoints load
            self.add_module(
                f"conv_{index}", nn.Sequential(nn.Conv2d(inputs, width, 1), nn.ReLU(), nn.Conv2d(width, width, 1))
            )

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Per layer (batch, C, H, W) to (batch, max(32, C / 4), H, W)."""
        return [selector(features) for selector, features in zip(self.children(), maps, strict=True)]
