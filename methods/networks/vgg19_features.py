"""VGG19 as a feature space (Simonyan and Zisserman, ICLR 2015): ReLU1_1, ReLU2_1, ReLU3_1, ReLU4_1, ReLU5_1.

Source: NVlabs/SPADE fecacc9, models/networks/architecture.py; torchvision's network without batch norm. The first 30
modules have 12,944,960 parameters; the 143.6M that papers name are the whole network with its classifier.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

ENDS = (2, 7, 12, 21, 30)  # a feature is what comes out before these modules


class VGG19Features(nn.Module):
    """The five feature maps; inputs are not normalised for ImageNet, as in the released code."""

    channels = (64, 128, 256, 512, 512)

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models.vgg import cfgs, make_layers

        self.features = make_layers(cfgs["E"])[: ENDS[-1]]

    def load_official(self, state: Mapping[str, Tensor]) -> None:
        """Take torchvision's `vgg19` weights."""
        names = self.state_dict().keys()
        self.load_state_dict({name: tensor for name, tensor in state.items() if name in names})

    def forward(self, images: Tensor) -> list[Tensor]:
        """Five maps of (batch, 3, H, W) in [-1, 1], at 1, 1/2, 1/4, 1/8 and 1/16 of its size."""
        maps = []
        start = 0
        for end in ENDS:
            images = self.features[start:end](images)
            maps.append(images)
            start = end
        return maps
