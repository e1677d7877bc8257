"""Losses that each break one promise of a plugin."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from pydantic import ConfigDict
from torch import Tensor, nn

from bench.plugin.loss import LossConfig, LossContext, Pair, PairLoss, PatchLoss


class Good(PatchLoss):
    """The squared distance of query and key."""

    name = "good"
    citation = "nobody"
    revision = 1

    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> Tensor:
        return (query - key).square().sum(2)


class NoName(PatchLoss):
    citation = "nobody"
    revision = 1

    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> Tensor:
        return (query - key).square().sum(2)


class OpenConfig(Good):
    class Config(LossConfig):
        model_config = ConfigDict(extra="allow")


class NotANumber(Good):
    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> Tensor:
        return super().forward(query, key, context) * float("nan")


class WrongShape(Good):
    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> Tensor:
        return super().forward(query, key, context).mean(1)


class WrongType(Good):
    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> Any:
        return 1.0


class Raises(Good):
    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> Tensor:
        return query @ key  # shapes do not fit


class Leaves(Good):
    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> Tensor:
        sys.exit("I had enough")


class FillsDevice(Good):
    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> Tensor:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


class Constant(Good):
    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> Tensor:
        return super().forward(query.detach(), key, context)


class NoTerms(PairLoss):
    name = "no-terms"
    citation = "nobody"
    revision = 1

    def forward(self, pair: Pair, context: LossContext) -> dict[str, Tensor]:
        return {}


class ChangesKeys(Good):
    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> Tensor:
        return super().forward(query, key.neg_(), context)


class GlobalNoise(Good):
    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> Tensor:
        return super().forward(query, key + 0.1 * torch.randn_like(key), context)


class ForgetsState(Good):
    """Its weight grows with the number of steps, counted in a plain attribute."""

    steps = 0

    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> Tensor:
        return super().forward(query, key, context) * (1 + self.steps)

    def after_generator_step(self, networks: dict[str, nn.Module], context: LossContext) -> None:
        self.steps += 1


class GoodAdversary(Good):
    """An adversary that breaks no promise: it scales each layer's distance."""

    name = "good-adversary"

    def build(self, channels: Sequence[int], make_head: Callable[[], nn.Module]) -> None:
        self.scale = nn.Parameter(torch.zeros(len(channels)))

    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> Tensor:
        return super().forward(query, key, context) * self.scale[context.layer or 0].exp()

    def adversary_parameters(self) -> list[nn.Parameter]:
        return [self.scale]

    def adversary_loss(self, pairs: Sequence[Pair], context: LossContext) -> Tensor:
        return -torch.stack([self.terms(pair, context)["NCE"] for pair in pairs]).mean()


class DeadAdversary(GoodAdversary):
    """The adversary's loss does not depend on its parameters' values."""

    def adversary_loss(self, pairs: Sequence[Pair], context: LossContext) -> Tensor:
        return (0 * self.scale).sum()
