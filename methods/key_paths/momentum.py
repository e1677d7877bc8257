"""Keys from slowly moving copies, as in MoCo (He et al., CVPR 2020), for CUT's baseline with a memory bank.

Park et al., ECCV 2020, supplement, section 1.1: "we follow the setting of MoCo, and used momentum value 0.999 with
temperature 0.07". The bank itself is the loss `memory_bank`.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import ClassVar

from torch import Tensor, nn

from bench.base.randomness import Draws
from methods.key_paths.key_path import KeyPath, encoder_of
from methods.networks.projection_head import ProjectionHead
from methods.networks.resnet_generator import ResnetGenerator


class MomentumKeys(KeyPath):
    """Inputs are embedded by averages of the encoder and of netF; they start as copies and are never optimised."""

    own_networks: ClassVar[bool] = True
    momentum: ClassVar[float] = 0.999

    def __init__(self, netG: ResnetGenerator, netF: ProjectionHead, layers: Sequence[int], draws: Draws) -> None:
        super().__init__(netG, netF, layers, draws)
        self.encoder = encoder_of(deepcopy(netG), layers)
        self.head = deepcopy(netF)
        self.requires_grad_(False)

    def maps(self, netG: ResnetGenerator, real: Tensor) -> list[Tensor]:
        """Features of the averaged encoder."""
        return self.encoder.features(real, self.layers)

    def rows(self, netF: nn.Module, maps: Sequence[Tensor], ids: Sequence[Tensor]) -> list[Tensor]:
        """Keys of the averaged head."""
        return self.head(maps, ids)

    def after_generator_step(self, netG: nn.Module, netF: nn.Module) -> None:
        """Move by a thousandth towards the networks as they are now."""
        for average, current in ((self.encoder, netG), (self.head, netF)):
            latest = dict(current.named_parameters())
            for name, parameter in average.named_parameters():
                parameter.lerp_(latest[name], 1 - self.momentum)

    def networks(self) -> dict[str, nn.Module]:
        """G_key and F_key."""
        return {"G_key": self.encoder, "F_key": self.head}
