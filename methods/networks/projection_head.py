"""netF: the projection head that turns encoder features at chosen places into unit vectors (CUT's `mlp_sample`).

CUT: taesungp/contrastive-unpaired-translation b3ac297, models/networks.py, PatchSampleF; 560,384 parameters for the
default five layers. The original makes its layers when it first sees features; here the channels are known at the start.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


def normalise(rows: Tensor, eps: float = 1e-7) -> Tensor:
    """X / (||x||_2 + eps) over the last axis; the originals add eps to the norm, outside the square root."""
    return rows / (rows.norm(dim=-1, keepdim=True) + eps)


def sample(features: Tensor, ids: Tensor | None) -> Tensor:
    """Take the feature vectors at flattened row-major positions.

    The flattened NCHW map is indexed before it is transposed: this keeps the gradient that returns to the encoder
    contiguous, and copies only the chosen vectors.

    Args:
        features: (batch, C, H, W).
        ids: (patches,) int64 positions h*W+w, shared by every image; None: every position in order.

    Returns:
        (batch, patches, C).
    """
    flat = features.flatten(2)
    return (flat if ids is None else flat.index_select(2, ids)).transpose(1, 2)


class ProjectionHead(nn.Module):
    """One MLP per encoder layer: Linear - ReLU - Linear, then `normalise`.

    Args:
        channels: channels of the feature map at each layer.
        nc: width of the MLPs and of the vectors (netF_nc).
        linear: one Linear instead (contrastive feature loss, as its paper has it).
    """

    def __init__(self, channels: Sequence[int], nc: int = 256, linear: bool = False) -> None:
        super().__init__()
        self.depth = len(channels)
        for index, width in enumerate(channels):
            # the originals' names, so that official checkpoints load
            mlp = nn.Sequential(nn.Linear(width, nc), nn.ReLU(), nn.Linear(nc, nc))
            self.add_module(f"mlp_{index}", nn.Linear(width, nc) if linear else mlp)

    def forward(self, features: Sequence[Tensor], ids: Sequence[Tensor] | None = None) -> list[Tensor]:
        """Project features at the given places.

        Args:
            features: per layer (batch, C, H, W).
            ids: per layer (patches,) positions; None: every position of every layer.

        Returns:
            Per layer (batch, patches, nc) unit rows.
        """
        places: Sequence[Tensor | None] = [None] * self.depth if ids is None else ids
        heads = (self.get_submodule(f"mlp_{index}") for index in range(self.depth))
        return [normalise(head(sample(layer, at))) for head, layer, at in zip(heads, features, places, strict=True)]
