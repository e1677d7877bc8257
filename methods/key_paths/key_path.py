"""The key path of CUT: inputs are embedded by the networks that embed outputs, the generator's encoder and netF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from bench.base.randomness import Draws
from bench.loss import Pair
from methods.networks.projection_head import ProjectionHead
from methods.networks.resnet_generator import ResnetGenerator


class KeyPath(nn.Module):
    """`shared`, and the base of the other key paths. Whatever must survive a restart is in parameters and buffers.

    Attributes:
        own_networks: inputs are embedded by networks of the key path's own, not by netG and netF.
        learns: those networks are trained, on the pairs that `sides` adds.
        suffixes: of the sides, in order.

    Args:
        netG: the generator, with its initial weights; not kept.
        netF: the projection head, likewise.
        layers: nce_layers.
        draws: streams for initial weights.
    """

    own_networks: ClassVar[bool] = False
    learns: ClassVar[bool] = False
    suffixes: ClassVar[tuple[str, ...]] = ("",)

    def __init__(self, netG: ResnetGenerator, netF: ProjectionHead, layers: Sequence[int], draws: Draws) -> None:
        super().__init__()
        self.layers = tuple(layers)

    def shown(self, fake: Tensor) -> Tensor:
        """The generated images (batch, 3, H, W) as the encoder of queries sees them."""
        return fake

    def maps(self, netG: ResnetGenerator, real: Tensor) -> list[Tensor]:
        """Per layer the features (batch, C, H, W) of inputs (batch, 3, H, W)."""
        return netG.features(real, self.layers)

    def rows(self, netF: nn.Module, maps: Sequence[Tensor], ids: Sequence[Tensor]) -> list[Tensor]:
        """Per layer the keys (batch, patches, dim) at the given places of `maps`."""
        return netF(maps, ids)

    def sides(self, pairs: list[Pair]) -> dict[str, list[Pair]]:
        """The pairs to be shown to the loss, by the suffix under which their terms are logged; the sum is optimised."""
        return {"": pairs}

    def after_generator_step(self, netG: nn.Module, netF: nn.Module) -> None:
        """Called once after G and F were updated, without gradients."""

    def networks(self) -> dict[str, nn.Module]:
        """The key path's own networks, for parameter counts and records."""
        return {}


def encoder_of(generator: ResnetGenerator, layers: Sequence[int]) -> ResnetGenerator:
    """The same generator without the modules behind the last of `layers`."""
    generator.model = generator.model[: max(layers) + 1]
    return generator
