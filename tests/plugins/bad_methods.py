"""Methods that each break one promise of a plugin; everything else of them is the toy's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import torch
import toy
from pydantic import ConfigDict
from torch import Tensor, nn

from bench.base.randomness import Draws
from bench.plugin.method import StepContext


class Good(toy.Toy):
    name = "good"
    task = "unpaired_translation"
    citation = "nobody"
    revision = 1
    conformance: ClassVar[dict[str, Any]] = {"load_size": 20, "crop_size": 16}


class NoCitation(Good):
    name = "no-citation"
    citation = ""


class WrongTask(Good):
    name = "wrong-task"
    task = "telepathy"


class OpenConfig(Good):
    class Config(toy.Toy.Config):
        model_config = ConfigDict(extra="allow")


class BadRecipe(Good):
    recipes: ClassVar[dict[str, Any]] = {"horse2zebra": {"n_epochs": "many"}}


class Attached(Good):
    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        losses = super().step(batch, drawn, phase)
        return losses | {"size": self.netG.weight.square().sum()}


class NotANumber(Good):
    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        return super().step(batch, drawn, phase) | {"G": torch.tensor(float("nan"))}


class VectorLoss(Good):
    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        return super().step(batch, drawn, phase) | {"G": torch.zeros(3)}


class DeadNetwork(Good):
    def __init__(self, config: Any, draws: Draws) -> None:
        super().__init__(config, draws)
        self.netD = nn.Conv2d(3, 1, 1)
        nn.init.zeros_(self.netD.weight)
        nn.init.zeros_(self.netD.bias)


class ForgetsState(Good):
    """Counts its steps in a plain attribute."""

    steps = 0

    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        self.steps += 1
        losses = super().step(batch, drawn, phase)
        with torch.no_grad():
            self.netG.bias.mul_(1 + 0.1 * self.steps)
        return losses


class ForgetsOptimizer(Good):
    """Has an optimizer that it tells nobody about."""

    def __init__(self, config: Any, draws: Draws) -> None:
        super().__init__(config, draws)
        self.netD = nn.Linear(1, 1)
        nn.init.ones_(self.netD.weight)
        nn.init.ones_(self.netD.bias)
        self.hidden = torch.optim.Adam(self.netD.parameters(), 0.1)

    def draw(self, context: StepContext) -> dict[str, Tensor]:
        return super().draw(context) | {"weight": torch.tensor(1.0 + context.step)}

    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        self.hidden.zero_grad()
        (self.netD(batch["B"].mean().reshape(1, 1)) * drawn["weight"]).square().sum().backward()
        self.hidden.step()
        return super().step(batch, drawn, phase)


class UnsavedBuffer(Good):
    """Translates with something that is not saved."""

    def __init__(self, config: Any, draws: Draws) -> None:
        super().__init__(config, draws)
        self.register_buffer("shift", torch.zeros(3, 1, 1), persistent=False)

    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        self.shift += 0.1
        return super().step(batch, drawn, phase)

    def translate(self, images: Tensor) -> Tensor:
        return (super().translate(images) + self.shift).clamp(-1, 1)


class GlobalNoise(Good):
    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        return super().step({k: v + 0.1 * torch.randn_like(v) for k, v in batch.items()}, drawn, phase)


class IgnoresSeed(Good):
    def __init__(self, config: Any, draws: Draws) -> None:
        super().__init__(config, Draws(0))

    def draw(self, context: StepContext) -> dict[str, Tensor]:
        return super().draw(replace(context, draw=Draws(0).at(context.step)))


class DrawsFromItsWeights(Good):
    def draw(self, context: StepContext) -> dict[str, Tensor]:
        return super().draw(context) | {"shift": self.netG.bias.detach().clone()}


class DrawsInTheStep(Good):
    """Keeps the context, and draws from it while it makes the step."""

    def draw(self, context: StepContext) -> dict[str, Tensor]:
        object.__setattr__(self, "context", context)
        return super().draw(context)

    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        drawn = dict(drawn) | {"noise": self.context.draw.normal("late", (3,))}
        return super().step(batch, drawn, phase)


class Waits(Good):
    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        losses = super().step(batch, drawn, phase)
        return losses if losses["G"] < 1 else losses | {"large": losses["G"]}


class ChangesTheRecording(Good):
    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        losses = super().step(batch, drawn, phase)
        drawn["noise"].zero_()
        return losses


class GrowsWithinAPhase(Good):
    def draw(self, context: StepContext) -> dict[str, Tensor]:
        return {"noise": super().draw(context)["noise"], "more": context.draw.normal("more", (1 + context.step % 2,))}


class StepsItsOwnWay(Good):
    """Replaces training_step after the class was made, where nobody refuses it."""

    def __init__(self, config: Any, draws: Draws) -> None:
        super().__init__(config, draws)
        self.training_step = self._twice  # type: ignore[misc]

    def _twice(self, batch: dict[str, Tensor], context: StepContext) -> dict[str, Tensor]:
        drawn = self.draw(context)
        self.step(batch, drawn, "step")
        return self.step(batch, drawn, "step")


class WrongShape(Good):
    def translate(self, images: Tensor) -> Tensor:
        return super().translate(images)[..., ::2]


class OutOfRange(Good):
    name = "out-of-range"

    def translate(self, images: Tensor) -> Tensor:
        return 255 * super().translate(images)


class AttachedOutput(Good):
    def translate(self, images: Tensor) -> Tensor:
        with torch.enable_grad():
            return torch.tanh(self.netG(images))


class LearnsWhileTranslating(Good):
    def translate(self, images: Tensor) -> Tensor:
        self.average += 1
        return super().translate(images)


class Crashes(Good):
    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        raise KeyError("reference")


class NotAMethod:
    name = "not-a-method"
    task = "unpaired_translation"
    citation = "nobody"
    revision = 1
