"""VGG16 as a feature space (Simonyan and Zisserman, ICLR 2015): the outputs of its 13 ReLUs, counted from 0.

0, 1 are relu1_1 and relu1_2, then 2, 3; 4 = relu3_1, 5, 6; 7 = relu4_1, 8, 9 = relu4_3; 10, 11, 12. Source:
lyndonzheng/F-LSeSim 6ca7883, models/losses.py; torchvision's network, 14,714,688 parameters without its classifier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

CONVOLUTIONS = (2, 2, 3, 3, 3)  # of each block; a max pool follows each
WIDTHS = (64, 128, 256, 512, 512)
# of ImageNet's images in [0, 1], what torchvision's weights were trained with
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class VGG16Features(nn.Module):
    """Feature maps after chosen ReLUs; images are normalised for ImageNet first.

    Args:
        widths: channels of the five blocks; the official weights have `WIDTHS`.

    Attributes:
        channels: of the 13 maps.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        from torchvision.models.vgg import make_layers

        blocks = list(zip(widths, CONVOLUTIONS, strict=True))
        self.channels = [width for width, count in blocks for _ in range(count)]
        layout = [entry for width, count in blocks for entry in [*[width] * count, "M"]]
        self.features = make_layers(layout)[:-1]  # nothing follows the last pool
        for name, values in (("mean", MEAN), ("deviation", DEVIATION)):
            # in double precision, so that these decimals are exact in it too
            constants = torch.tensor(values, dtype=torch.float64).view(3, 1, 1)
            self.register_buffer(name, constants, persistent=False)

    def load_official(self, state: Mapping[str, Tensor]) -> None:
        """Take torchvision's `vgg16` weights."""
        names = self.state_dict().keys()
        self.load_state_dict({name: tensor for name, tensor in state.items() if name in names})

    def forward(self, images: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """The maps after the ReLUs with the given numbers (increasing); stops at the last of them.

        Args:
            images: (batch, 3, H, W) in [-1, 1].
            layers: 0 to 12.
        """
        x = ((images + 1) / 2 - self.mean.to(images.dtype)) / self.deviation.to(images.dtype)
        maps: list[Tensor] = []
        relu = -1
        for module in self.features:
            x = module(x)
            if isinstance(module, nn.ReLU):
                relu += 1
                if relu in layers:
                    maps.append(x)
                if relu == layers[-1]:
                    break
        return maps
