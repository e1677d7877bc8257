"""Losses that each break one promise of a plugin."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from pydantic import ConfigDict
from torch import Tensor, nn

from bench.plugin.loss import LayerShape, LossConfig, LossContext, Pair, PairLoss, PatchLoss
from bench.plugin.method import StepContext


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


class Untrained(Good):
    """A parameter that no term depends on."""

    def build(self, channels: Sequence[int], make_head: Callable[[], nn.Module]) -> None:
        self.unused = nn.Parameter(torch.zeros(3))


class UntrainedLater(Untrained):
    """The same with a curriculum, which the first step cannot judge."""

    depends_on_epoch = True


class DrawsFromItsState(Good):
    def build(self, channels: Sequence[int], make_head: Callable[[], nn.Module]) -> None:
        self.register_buffer("calls", torch.zeros(()))

    def draw(self, context: StepContext, layers: Sequence[LayerShape]) -> dict[str, Tensor]:
        return {"weight": 1 + self.calls}

    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> Tensor:
        return context.drawn["weight"] * super().forward(query, key, context)

    def after_generator_step(self, networks: dict[str, nn.Module], context: LossContext) -> None:
        self.calls += 1


class DrawsInTheStep(Good):
    """Keeps the moment it draws for, and draws from it in `forward`."""

    def draw(self, context: StepContext, layers: Sequence[LayerShape]) -> dict[str, Tensor]:
        self.moment = replace(context)
        return {}

    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> Tensor:
        return (1 + self.moment.draw.uniform("late")) * super().forward(query, key, context)


class Waits(Good):
    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> Tensor:
        losses = super().forward(query, key, context)
        return losses / losses.mean().item()


class GrowsWithinAPhase(Good):
    def draw(self, context: StepContext, layers: Sequence[LayerShape]) -> dict[str, Tensor]:
        return {"more": context.draw.normal("more", (1 + context.step,))}


class ReadsTheEpoch(Good):
    """Written before steps were drawn first."""

    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> Tensor:
        return super().forward(query, key, context) / context.epoch


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
