"""Methods that each break one promise of a plugin; everything else of them is the toy's."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import ConfigDict
from torch import Tensor, nn

from bench.base.randomness import Draws
from bench.plugin.discovery import load_method
from bench.plugin.method import StepContext

Toy: Any = load_method(f"{Path(__file__).with_name('toy.py')}:Toy")


class Good(Toy):
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
    class Config(Toy.Config):
        model_config = ConfigDict(extra="allow")


class BadRecipe(Good):
    recipes: ClassVar[dict[str, Any]] = {"horse2zebra": {"n_epochs": "many"}}


class Attached(Good):
    def training_step(self, batch: dict[str, Tensor], context: StepContext) -> dict[str, Tensor]:
        losses = super().training_step(batch, context)
        return losses | {"size": self.netG.weight.square().sum()}


class NotANumber(Good):
    def training_step(self, batch: dict[str, Tensor], context: StepContext) -> dict[str, Tensor]:
        return super().training_step(batch, context) | {"G": torch.tensor(float("nan"))}


class VectorLoss(Good):
    def training_step(self, batch: dict[str, Tensor], context: StepContext) -> dict[str, Tensor]:
        return super().training_step(batch, context) | {"G": torch.zeros(3)}


class DeadNetwork(Good):
    def __init__(self, config: Any, draws: Draws) -> None:
        super().__init__(config, draws)
        self.netD = nn.Conv2d(3, 1, 1)
        nn.init.zeros_(self.netD.weight)
        nn.init.zeros_(self.netD.bias)


class ForgetsState(Good):
    """Counts its steps in a plain attribute."""

    steps = 0

    def training_step(self, batch: dict[str, Tensor], context: StepContext) -> dict[str, Tensor]:
        self.steps += 1
        losses = super().training_step(batch, context)
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

    def training_step(self, batch: dict[str, Tensor], context: StepContext) -> dict[str, Tensor]:
        self.hidden.zero_grad()
        (self.netD(batch["B"].mean().reshape(1, 1)) * (1 + context.step)).square().sum().backward()
        self.hidden.step()
        return super().training_step(batch, context)


class UnsavedBuffer(Good):
    """Translates with something that is not saved."""

    def __init__(self, config: Any, draws: Draws) -> None:
        super().__init__(config, draws)
        self.register_buffer("shift", torch.zeros(3, 1, 1), persistent=False)

    def training_step(self, batch: dict[str, Tensor], context: StepContext) -> dict[str, Tensor]:
        self.shift += 0.1
        return super().training_step(batch, context)

    def translate(self, images: Tensor) -> Tensor:
        return (super().translate(images) + self.shift).clamp(-1, 1)


class GlobalNoise(Good):
    def training_step(self, batch: dict[str, Tensor], context: StepContext) -> dict[str, Tensor]:
        return super().training_step({k: v + 0.1 * torch.randn_like(v) for k, v in batch.items()}, context)


class IgnoresSeed(Good):
    def __init__(self, config: Any, draws: Draws) -> None:
        super().__init__(config, Draws(0))

    def training_step(self, batch: dict[str, Tensor], context: StepContext) -> dict[str, Tensor]:
        return super().training_step(batch, StepContext(context.step, 1, 1, 1, Draws(0).at(context.step)))


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
    def training_step(self, batch: dict[str, Tensor], context: StepContext) -> dict[str, Tensor]:
        raise KeyError("reference")


class NotAMethod:
    name = "not-a-method"
    task = "unpaired_translation"
    citation = "nobody"
    revision = 1
