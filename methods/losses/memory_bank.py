"""InfoNCE against a bank of keys of earlier images: CUT's MoCo-style baseline, meant for `key_path: momentum`.

Park, Efros, Zhang, Zhu, ECCV 2020, supplement, section 1.1; He et al., "Momentum Contrast", CVPR 2020.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from bench.loss import LossConfig, LossContext, Pair, PairLoss
from methods.losses.given_negatives import nce_with_negatives
from methods.networks.projection_head import normalise


class MemoryBankConfig(LossConfig):
    """The size is the paper's."""

    size: int = Field(16384, ge=1, description="keys remembered per layer")


class MemoryBank(PairLoss):
    """Cross entropy of finding the query's key among keys of earlier images; this image's keys join the bank afterwards.

    Translation and identity have banks of their own, so that negatives are of the key's domain; the paper does not
    say so. A bank starts with random unit vectors, as MoCo's does.

    Examples:
        >>> loss = MemoryBank(MemoryBankConfig(size=4))
        >>> loss.build([2], lambda: lambda maps: [torch.zeros(1, 1, 3)])
        >>> loss.translation_bank.shape
        torch.Size([1, 4, 3])
    """

    name = "memory_bank"
    citation = "Park et al., Contrastive Learning for Unpaired Image-to-Image Translation, ECCV 2020, supplement"
    revision = 1
    Config: ClassVar[type[LossConfig]] = MemoryBankConfig
    config: MemoryBankConfig
    conformance: ClassVar[dict[str, Any]] = {"size": 64}

    def build(self, channels: Sequence[int], make_head: Callable[[], nn.Module]) -> None:
        """Banks of random unit vectors, (layers, size, dim), and where each is written next."""
        with torch.no_grad():
            dim = make_head()([torch.zeros(1, c, 1, 1) for c in channels])[0].shape[2]
        for kind in ("translation", "identity"):
            self.register_buffer(f"{kind}_bank", normalise(torch.randn(len(channels), self.config.size, dim)))
            self.register_buffer(f"{kind}_next", torch.zeros(len(channels), dtype=torch.int64))
        self._arrivals: dict[str, list[Tensor]] = {}

    def forward(self, pair: Pair, context: LossContext) -> Tensor:
        """The mean over patches and layers; the keys are put aside for `after_generator_step`."""
        self._arrivals[pair.kind] = [layer.key.detach().flatten(0, 1) for layer in pair.layers]
        bank = self.get_buffer(f"{pair.kind}_bank")
        losses = [
            nce_with_negatives(layer.query, layer.key, negatives.unsqueeze(0), context.temperature).mean()
            for layer, negatives in zip(pair.layers, bank, strict=True)
        ]
        return torch.stack(losses).mean()

    def after_generator_step(self, networks: dict[str, nn.Module], context: LossContext) -> None:
        """Write this step's keys over the oldest ones."""
        for kind, layers in self._arrivals.items():
            bank, following = self.get_buffer(f"{kind}_bank"), self.get_buffer(f"{kind}_next")
            for index, keys in enumerate(layers):
                newest = keys[-self.config.size :]
                places = (following[index] + torch.arange(len(newest), device=keys.device)) % self.config.size
                bank[index, places] = newest.to(bank.dtype)
                following[index] = (following[index] + len(newest)) % self.config.size
        self._arrivals = {}
