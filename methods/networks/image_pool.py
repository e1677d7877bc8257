"""The history of generated images a discriminator is shown (Shrivastava et al. 2017, as CycleGAN uses it)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from bench.base.randomness import Draws


class ImagePool(nn.Module):
    """Keep `size` images; once full, hand out an old one half of the time and keep the new one in its place.

    junyanz/pytorch-CycleGAN-and-pix2pix, util/image_pool.py. The images are a buffer that grows while the pool fills,
    so that a run stopped and resumed goes on with the same pool.

    Args:
        size: images kept; 0 switches the pool off.
    """

    images: Tensor

    def __init__(self, size: int = 50) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("images", torch.empty(0))

    def forward(self, images: Tensor, draw: Draws, name: str) -> Tensor:
        """Exchange a minibatch with the pool.

        Args:
            images: (batch, C, H, W) new images; stored without gradient.
            draw: random draws of this step: per image `uniform`, and `integer` if that was above one half.
            name: purpose of the draws.

        Returns:
            (batch, C, H, W) images to show, each new or from the pool; no gradient.
        """
        images = images.detach()
        if self.size == 0:
            return images
        if self.images.ndim == 1:
            self.images = images.new_empty(0, *images.shape[1:])
        shown = []
        for image in images.split(1):
            if len(self.images) < self.size:
                self.images = torch.cat([self.images, image])
                shown.append(image)
            elif draw.uniform(f"{name}.uniform") > 0.5:
                index = draw.integer(f"{name}.index", self.size)
                shown.append(self.images[index : index + 1].clone())
                self.images[index] = image[0]
            else:
                shown.append(image)
        return torch.cat(shown)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Take the stored pool's shape, which is only known once it has seen images."""
        stored = state_dict.get(f"{prefix}images")
        if stored is not None:
            self.images = self.images.new_empty(stored.shape)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
