"""The history of generated images a discriminator is shown (Shrivastava et al. 2017, as CycleGAN uses it)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from bench.base.randomness import Draws


class ImagePool(nn.Module):
    """Keep `size` images; once full, hand out an old one half of the time and keep the new one in its place.

    junyanz/pytorch-CycleGAN-and-pix2pix, util/image_pool.py. The images are a buffer that grows while the pool fills,
    so that a run stopped and resumed goes on with the same pool. Every step of a run brings the same number of images,
    so its number says how far the pool is filled, and what happens to an image can be drawn ahead.

    Args:
        size: images kept; 0 switches the pool off.
    """

    images: Tensor

    def __init__(self, size: int = 50) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("images", torch.empty(0))

    def fills(self, step: int, batch: int) -> bool:
        """Whether there is room left when a step begins; `batch` images arrive in each step from 0 on."""
        return step * batch < self.size

    def draw(self, draw: Draws, name: str, step: int, batch: int) -> dict[str, Tensor]:
        """What happens to each image of a step, once the pool is full.

        Args:
            draw: random draws of the step: per image `uniform`, and `integer` if that was above one half.
            name: purpose of the draws.
            step: 0-based.
            batch: images that arrive in each step.

        Returns:
            NAME.exchange, bool (batch,), and NAME.place, int64 (batch,): whether an image is exchanged for an old one,
            and for which.
        """
        exchange, place = [False] * batch, [0] * batch
        room = max(0, self.size - step * batch)
        for index in range(room, batch) if self.size else ():
            if draw.uniform(f"{name}.uniform") > 0.5:
                exchange[index], place[index] = True, draw.integer(f"{name}.index", self.size)
        return {f"{name}.exchange": torch.tensor(exchange), f"{name}.place": torch.tensor(place)}

    def forward(self, images: Tensor, exchange: Tensor, place: Tensor) -> Tensor:
        """Exchange a minibatch with the pool.

        Args:
            images: (batch, C, H, W) new images; stored without gradient.
            exchange: see `draw`; an image that arrives while there is room is kept and shown, regardless of this value.
            place: see `draw`.

        Returns:
            (batch, C, H, W) images to show, each new or from the pool; no gradient.
        """
        images = images.detach()
        if self.size == 0:
            return images
        if self.images.ndim == 1:
            self.images = images.new_empty(0, *images.shape[1:])
        shown = []
        for image, exchanged, at in zip(images.split(1), exchange, place.split(1), strict=True):
            if len(self.images) < self.size:
                self.images = torch.cat([self.images, image])
                shown.append(image)
                continue
            old = self.images.index_select(0, at)
            self.images.index_copy_(0, at, torch.where(exchanged, image, old))
            shown.append(torch.where(exchanged, old, image))
        return torch.cat(shown)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Take the stored pool's shape, which is only known once it has seen images."""
        stored = state_dict.get(f"{prefix}images")
        if stored is not None:
            self.images = self.images.new_empty(stored.shape)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
