"""CUT's ablation "without weight sharing for the encoder and MLP" (Park et al., ECCV 2020, supplement, section 1.5)."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import ClassVar

from torch import Tensor, nn

from bench.base.randomness import Draws
from bench.loss import LayerPair, Pair
from methods.key_paths.key_path import KeyPath, encoder_of
from methods.networks.initialisation import initialise
from methods.networks.projection_head import ProjectionHead
from methods.networks.resnet_generator import ResnetGenerator


class SeparateKeys(KeyPath):
    """A second encoder and a second head, with weights of their own, embed the inputs; the paper reports FID 50.5.

    The losses stop gradients at keys, and how the paper trained the second networks is not written. Here they learn from
    the same loss with the roles exchanged: the input's patch looks for the output's, whose gradient is stopped.
    """

    own_networks: ClassVar[bool] = True
    learns: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = ("", "_key")

    def __init__(self, netG: ResnetGenerator, netF: ProjectionHead, layers: Sequence[int], draws: Draws) -> None:
        super().__init__(netG, netF, layers, draws)
        self.encoder = encoder_of(deepcopy(netG), layers)
        self.head = deepcopy(netF)
        for name, network in self.named_children():
            initialise(network, "xavier", draws.generator(f"init.key_path.{name}"))

    def maps(self, netG: ResnetGenerator, real: Tensor) -> list[Tensor]:
        """Features of the second encoder."""
        return self.encoder.features(real, self.layers)

    def rows(self, netF: nn.Module, maps: Sequence[Tensor], ids: Sequence[Tensor]) -> list[Tensor]:
        """Keys of the second head."""
        return self.head(maps, ids)

    def sides(self, pairs: list[Pair]) -> dict[str, list[Pair]]:
        """The pairs with fixed keys, which train G and F; with exchanged roles and fixed queries (`_key`)."""
        return {"": [_fixed_keys(pair) for pair in pairs], "_key": [_exchanged(pair) for pair in pairs]}

    def networks(self) -> dict[str, nn.Module]:
        """G_key and F_key."""
        return {"G_key": self.encoder, "F_key": self.head}


def _fixed_keys(pair: Pair) -> Pair:
    layers = [LayerPair(p.query, p.key.detach(), p.ids, p.query_map, p.key_map.detach()) for p in pair.layers]
    return Pair(pair.kind, layers)


def _exchanged(pair: Pair) -> Pair:
    layers = [LayerPair(p.key, p.query.detach(), p.ids, p.key_map, p.query_map.detach()) for p in pair.layers]
    return Pair(pair.kind, layers)
