"""A method of a few weights, quick enough to train in every test of the harness, with every kind of state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from bench.base.randomness import Draws
from bench.plugin.config import MethodConfig
from bench.plugin.method import Method, RequiredRun, StepContext


class ToyConfig(MethodConfig):
    n_epochs: int = Field(2, ge=1)
    n_epochs_decay: int = Field(2, ge=0)
    load_size: int = 20
    crop_size: int = 16
    lr: float = 0.05
    explode_at: int = Field(-1, description="step whose loss is made infinite")
    stall: float = Field(0.0, description="seconds to sleep in each step")
    teacher: bool = False


class Toy(Method):
    """Matches the colour of B with a 1x1 convolution; keeps an average and noise in its state."""

    name = "toy"
    task = "unpaired_translation"
    citation = "nobody"
    revision = 1
    recipes: ClassVar[dict[str, dict[str, Any]]] = {"toys": {}}
    Config = ToyConfig
    config: ToyConfig

    def __init__(self, config: ToyConfig, draws: Draws) -> None:
        super().__init__(config, draws)
        self.netG = nn.Conv2d(3, 3, 1)
        with torch.no_grad():
            self.netG.weight.normal_(generator=draws.generator("init.netG"))
            self.netG.bias.zero_()
        self.register_buffer("average", torch.zeros(3))
        optimizer = torch.optim.Adam(self.netG.parameters(), config.lr)
        self._optimizers = {"G": optimizer}
        self._schedulers = {"G": LambdaLR(optimizer, lambda epoch: 1 - max(0, epoch - config.n_epochs) / 10)}
        self.teacher: Method | None = None

    @classmethod
    def required_runs(cls, config: Any) -> dict[str, RequiredRun]:
        if not config.teacher:
            return {}
        return {"teacher": RequiredRun(f"{__file__}:Toy", {"lr": 0.1})}

    def receive(self, role: str, trained: Method) -> None:
        # outside the module tree: a teacher is not part of this run's state
        object.__setattr__(self, "teacher", trained)

    def draw(self, context: StepContext) -> dict[str, Tensor]:
        return {"noise": context.draw.normal("toy.noise", (3,))}

    def phase(self, context: StepContext, drawn: Mapping[str, Tensor]) -> str:
        return "explode" if context.step == self.config.explode_at else "step"

    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        import time

        time.sleep(self.config.stall)
        fake = self.netG(batch["A"])
        target = (
            batch["B"].mean((0, 2, 3)) if self.teacher is None else self.teacher.translate(batch["A"]).mean((0, 2, 3))
        )
        loss = ((fake.mean((0, 2, 3)) - target + 0.01 * drawn["noise"]) ** 2).sum()
        if phase == "explode":
            loss = loss / 0
        self._optimizers["G"].zero_grad()
        loss.backward()
        self._optimizers["G"].step()
        self.average.lerp_(fake.detach().mean((0, 2, 3)), 0.1)
        return {"G": loss.detach()}

    @torch.no_grad()
    def translate(self, images: Tensor) -> Tensor:
        return torch.tanh(self.netG(images))


class NeedsTeacher(Toy):
    """A run that needs another run."""

    name = "needs-teacher"
    task = "unpaired_translation"

    class Config(ToyConfig):
        teacher: bool = True


class Crash(Toy):
    """Dies without a word, as a segmentation fault would."""

    name = "crash"
    task = "unpaired_translation"

    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        import os
        import signal

        os.kill(os.getpid(), signal.SIGSEGV)
        return {}
