"""CycleGAN's strided generator with dropout in its residual blocks, as the programs have it that came from it.

hufu6371/GcGAN 74ccc2f, models/networks.py, ResnetBlock with use_dropout: after the first ReLU of each block, p = 0.5.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from methods.networks.resnet_generator import ResnetBlock, ResnetGenerator

FIRST_HALF = 4  # modules of a block up to its first ReLU


class DropoutResnetGenerator(ResnetGenerator):
    """A generator whose blocks forget half of their inner features; which half is given, not drawn here.

    Args:
        ngf: filters of the first convolution.
        n_blocks: residual blocks.
    """

    def __init__(self, ngf: int = 64, n_blocks: int = 9) -> None:
        super().__init__(ngf=ngf, n_blocks=n_blocks, antialias=False)
        self.n_blocks = n_blocks
        self.inner_channels = 4 * ngf

    def kept_shape(self, batch: int, height: int, width: int) -> tuple[int, int, int, int]:
        """Shape of a block's inner features for images (batch, 3, height, width)."""
        return batch, self.inner_channels, height // 4, width // 4

    def forward(self, images: Tensor, kept: Sequence[Tensor] = ()) -> Tensor:
        """Translate.

        Args:
            images: (batch, 3, H, W) in [-1, 1]; H and W multiples of 4.
            kept: per block a bool tensor of `kept_shape`: what is kept, and doubled; none: everything, as it is.

        Returns:
            (batch, 3, H, W) in [-1, 1].
        """
        if not kept:
            return super().forward(images)
        left = iter(kept)
        for module in self.model:
            if isinstance(module, ResnetBlock):
                inner = module.conv_block[:FIRST_HALF](images)
                images = images + module.conv_block[FIRST_HALF:](2 * next(left) * inner)
            else:
                images = module(images)
        return images
