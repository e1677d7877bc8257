"""ResNet50 as a feature space (He et al., CVPR 2016): the first max-pool and layer1 to layer4; 23,508,032 parameters.

Source: torchvision; which maps: Andonian et al. 2021, supplement, section 2.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from methods.networks.synchronised_norm import BatchNorm2d


class ResNet50Features(nn.Module):
    """The five feature maps; in training mode the batch norms use the batch's statistics, as in the released code."""

    channels = (64, 256, 512, 1024, 2048)

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import resnet50

        network = resnet50(weights=None, norm_layer=BatchNorm2d)
        self.stem = nn.Sequential(network.conv1, network.bn1, network.relu, network.maxpool)
        self.layer1, self.layer2 = network.layer1, network.layer2
        self.layer3, self.layer4 = network.layer3, network.layer4

    def load_official(self, state: Mapping[str, Tensor]) -> None:
        """Take torchvision's `resnet50` weights."""
        stem = {"conv1.": "stem.0.", "bn1.": "stem.1."}
        renamed = {}
        for name, tensor in state.items():
            prefix = next((old for old in stem if name.startswith(old)), "")
            renamed[stem.get(prefix, "") + name.removeprefix(prefix)] = tensor
        self.load_state_dict({name: tensor for name, tensor in renamed.items() if not name.startswith("fc.")})

    def forward(self, images: Tensor) -> list[Tensor]:
        """Five maps of (batch, 3, H, W) in [-1, 1], at 1/4, 1/4, 1/8, 1/16 and 1/32 of its size."""
        maps = [self.stem(images)]
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            maps.append(layer(maps[-1]))
        return maps
