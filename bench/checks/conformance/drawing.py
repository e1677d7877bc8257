"""Checks that a step is drawn on the host and then made: what recordings, drawing ahead and CUDA graphs stand on."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode

from bench.base.errors import BenchError
from bench.base.randomness import Draws
from bench.checks.conformance.state import require_same, same, snapshot
from bench.checks.conformance.subject import STEPS, STEPS_PER_EPOCH, Subject, require
from bench.plugin.method import Method, on_device


class _OnceDrawn(Draws):
    """The draws of a step, which end when the step begins."""

    over = False

    def stream(self, purpose: str) -> np.random.Generator:
        """As of `Draws`, until it is over."""
        require(not self.over, f"the step draws '{purpose}' from the context; draw it in draw, read it from drawn")
        return super().stream(purpose)


class _NoWaiting(TorchDispatchMode):
    """Refuses what makes the host wait for a device: tensors turned into numbers or into lists of places."""

    WAITING = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default)
    in_optimizer = False  # torch's own count their steps on the host

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operation of the step, or refuse it."""
        if func in self.WAITING and not self.in_optimizer:
            raise BenchError(
                "the step turns a tensor into a number (.item(), float(), bool(), if, nonzero), which waits for the device; "
                "use tensors' own operations, or decide it in draw or phase"
            )
        return func(*args, **(kwargs or {}))


@contextmanager
def _without_waiting() -> Iterator[None]:
    mode = _NoWaiting()
    before = register_optimizer_step_pre_hook(lambda *_: setattr(mode, "in_optimizer", True))
    after = register_optimizer_step_post_hook(lambda *_: setattr(mode, "in_optimizer", False))
    try:
        with mode:
            yield
    finally:
        before.remove()
        after.remove()


@dataclass(frozen=True)
class _Made:
    """One step: its phase, what was drawn for it (as it was before the step, and after) and its losses."""

    phase: str
    before: dict[str, Tensor]
    after: Mapping[str, Tensor]
    losses: dict[str, Tensor]


def _make(subject: Subject, method: Method, step: int) -> _Made:
    """Make a step by its parts, as `Method.training_step` should."""
    draws = _OnceDrawn(0).at(step)
    batch = subject.batch(method.streams, step)
    context = subject.context(step, draws).with_shapes(batch)
    drawn = method.draw(context)
    phase = method.phase(context, drawn)
    require(isinstance(phase, str), f"phase must return a name, not {type(phase).__name__}")
    draws.over = True
    drawn_on_device = on_device(drawn, "cpu")
    before = {name: tensor.clone() for name, tensor in drawn_on_device.items()}
    with _without_waiting():
        losses = method.step(batch, drawn_on_device, phase)
    if (step + 1) % STEPS_PER_EPOCH == 0:
        method.end_epoch()
    return _Made(phase, before, drawn_on_device, losses)


def _drawn(subject: Subject, method: Method, step: int) -> dict[str, Tensor]:
    batch = subject.batch(method.streams, step)
    return dict(on_device(method.draw(subject.context(step, Draws(0).at(step)).with_shapes(batch)), "cpu"))


def drawn_from_the_moment(subject: Subject) -> None:
    """What is drawn for a step is the same again, ahead of it, after it, and for other weights."""
    method, other = subject.build(), subject.build(seed=1)
    ahead = [_drawn(subject, method, step) for step in range(STEPS)]
    subject.train(other, stop=1)
    for drawn_by in (method, other):
        for step, expected in enumerate(ahead):
            problem = "draw depends on more than its context (weights, a counter, a global generator?)"
            require_same(expected, _drawn(subject, drawn_by, step), problem)


def nothing_drawn_in_a_step(subject: Subject) -> None:
    """A step draws from nowhere, leaves what was drawn as it was, and never waits for the device."""
    method = subject.build()
    for step in range(STEPS):
        generators = _global_generators()
        trace = _make(subject, method, step)
        require_same(generators, _global_generators(), "the step draws from a global generator; draw it in draw")
        require_same(trace.before, dict(trace.after), "the step changes what was drawn, which is its recording")


def _global_generators() -> dict[str, Any]:
    numpy_state = np.random.get_state(legacy=False)["state"]
    return {
        "torch": torch.get_rng_state(),
        "numpy": [numpy_state["key"].tolist(), numpy_state["pos"]],
        "random": random.getstate(),
    }


def fixed_shapes(subject: Subject) -> None:
    """Drawn tensors, losses and state keep their names and shapes within a phase, unless it is an eager one."""
    method = subject.build()
    shapes_by_phase: dict[str, dict[str, tuple[int, ...]]] = {}
    for step in range(STEPS):
        trace = _make(subject, method, step)
        if trace.phase in method.eager_phases:
            continue
        tensors = {f"drawn {name}": tensor for name, tensor in trace.before.items()}
        tensors |= {f"loss {name}": tensor for name, tensor in trace.losses.items()}
        tensors |= {f"state_dict {name}": tensor for name, tensor in method.state_dict().items()}
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        first = shapes_by_phase.setdefault(trace.phase, shapes)
        for name in sorted(first.keys() | shapes.keys()):
            if first.get(name) != shapes.get(name):
                raise BenchError(
                    f"phase '{trace.phase}': {name} has the shape {first.get(name)} in one step and {shapes.get(name)} in "
                    "another; give those steps a phase of their own, or name this one in eager_phases"
                )


def made_of_its_parts(subject: Subject) -> None:
    """A training step does what drawing, deciding the phase and making the step do one after the other."""
    whole, parts = subject.build(), subject.build()
    expected = subject.train(whole)
    for step, losses in enumerate(expected):
        losses_by_parts = _make(subject, parts, step).losses
        agree = losses.keys() == losses_by_parts.keys() and all(
            same(losses[name], losses_by_parts[name]) for name in losses
        )
        require(agree, f"training_step gives other losses than draw, phase and step (step {step}); leave it as it is")
    require_same(snapshot(whole), snapshot(parts), "training_step differs from draw, phase and step")
