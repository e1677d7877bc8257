"""A plugin small enough to be tried, built and trained as the harness does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from torch import Tensor

from bench.base.errors import BenchError
from bench.base.randomness import Draws
from bench.base.validation import validation_line
from bench.plugin.config import MethodConfig
from bench.plugin.discovery import load_loss, load_method, loss_host
from bench.plugin.method import Method, StepContext
from bench.tasks.task import Task, load_task

Check = Callable[[str], None]

STEPS_PER_EPOCH = 2
STEPS = 4
# Applied to the fields of these names that a method's Config has: one constant and one decaying epoch, small networks,
# an image pool that is full at once. 64 pixels are the least that a PatchGAN of three halvings and CUT's layers want.
TINY: dict[str, Any] = {
    "n_epochs": 1,
    "n_epochs_decay": 1,
    "images_per_epoch": 4,
    "load_size": 64,
    "crop_size": 64,
    "ngf": 4,
    "ndf": 4,
    "netF_nc": 8,
    "num_patches": 16,
    "pool_size": 2,
}
LARGEST_BATCH = 2


def require(condition: bool, problem: str) -> None:
    """Raise BenchError with `problem` unless the condition holds."""
    if not condition:
        raise BenchError(problem)


def validated(config_class: type[BaseModel], values: dict[str, Any], where: str) -> Any:
    """Validate values; an error is one line that names the key and `where`."""
    try:
        return config_class.model_validate(values)
    except ValidationError as error:
        raise BenchError(validation_line(where, error)) from error


@dataclass(frozen=True)
class Subject:
    """A method in its small configuration."""

    method_class: type[Method]
    config: MethodConfig

    @classmethod
    def of_method(cls, reference: str, settings: dict[str, Any] | None = None) -> Subject:
        """A method with `TINY`, its own `conformance` settings, and `settings` on top."""
        method_class = load_method(reference)
        fields = method_class.Config.model_fields
        values: dict[str, Any] = {name: value for name, value in TINY.items() if name in fields}
        values["batch_size"] = min(fields["batch_size"].get_default(), LARGEST_BATCH)
        values |= getattr(method_class, "conformance", {}) | (settings or {})
        return cls(method_class, validated(method_class.Config, values, f"{reference}, made small for the checks"))

    @classmethod
    def of_loss(cls, reference: str, settings: dict[str, Any] | None = None) -> Subject:
        """The host with a loss in it, the loss with its own `conformance` options."""
        options = getattr(load_loss(reference), "conformance", {})
        return cls.of_method(loss_host(), {"loss": reference, "loss_options": options} | (settings or {}))

    def build(self, seed: int = 0) -> Method:
        """Build the method, and the runs it needs untrained."""
        method = self.method_class(self.config, Draws(seed))
        for role, required in sorted(self.method_class.required_runs(self.config).items()):
            method.receive(role, Subject.of_method(required.method, required.overrides).build(seed).eval())
        return method

    @property
    def task(self) -> Task:
        """What the method is made for."""
        return load_task(self.method_class.task)

    def batch(self, streams: tuple[str, ...], step: int) -> dict[str, Tensor]:
        """A batch of noise as its task has it; the same for every seed, so that only the method's own draws differ."""
        return self.task.example_batch(self.config, streams, Draws(0).at(step))

    def context(self, step: int, draws: Draws) -> StepContext:
        """The moment of a step of a run of `STEPS`; `draws` are that step's."""
        return StepContext(step, step // STEPS_PER_EPOCH + 1, STEPS, STEPS // STEPS_PER_EPOCH, draws)

    def train(self, method: Method, first: int = 0, stop: int = STEPS, seed: int = 0) -> list[dict[str, Tensor]]:
        """Make steps first..stop-1 of a run of `STEPS` and return their losses."""
        draws, losses = Draws(seed), []
        for step in range(first, stop):
            batch = self.batch(method.streams, step)
            losses.append(method.training_step(batch, self.context(step, draws.at(step))))
            if (step + 1) % STEPS_PER_EPOCH == 0:
                method.end_epoch()
        return losses

    def output(self, method: Method) -> Tensor:
        """What the method makes of its task's examples."""
        output: Tensor = self.task.example_output(method)
        return output
