"""EfficientNet-lite0 as a feature space: what stands in for ResNet50 and VGG19 where their official weights are missing.

Network and weights come with packages that every installation has (bench/features/efficientnet_lite0.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from methods.networks.synchronised_norm import synchronise

ENDS = (1, 3, 5, 11, 16)  # blocks after which the resolution is halved, and the last


class EfficientNetLite0Features(nn.Module):
    """Feature maps after chosen blocks; batch norms behave as those of `ResNet50Features`.

    Args:
        blocks: of 1 to 16, increasing; by default five, at 1/2, 1/4, 1/8, 1/16 and 1/32.

    Attributes:
        channels: of the maps: 16, 24, 40, 112, 320.
    """

    def __init__(self, blocks: Sequence[int] = ENDS) -> None:
        super().__init__()
        from efficientnet_lite_pytorch import EfficientNet

        network = EfficientNet.from_name("efficientnet-lite0")
        self._conv_stem, self._bn0, self._swish = network._conv_stem, network._bn0, network._swish
        self._blocks = network._blocks
        self.ends = tuple(blocks)
        self.channels = tuple(network._blocks[end - 1]._bn2.num_features for end in blocks)
        synchronise(self)

    def load_official(self, state: Mapping[str, Tensor]) -> None:
        """Take the package's weights."""
        names = self.state_dict().keys()
        self.load_state_dict({name: tensor for name, tensor in state.items() if name in names})

    def forward(self, images: Tensor) -> list[Tensor]:
        """The maps of (batch, 3, H, W) in [-1, 1], the range that the network was trained on to 0.4 per cent."""
        x = self._swish(self._bn0(self._conv_stem(images)))
        maps = []
        for index, block in enumerate(self._blocks, start=1):
            x = block(x)
            if index in self.ends:
                maps.append(x)
            if index == self.ends[-1]:
                break
        return maps
