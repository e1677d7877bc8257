"""Checks of a method's update; a loss has to pass them too, inside the method that hosts it."""

from __future__ import annotations

import torch
from pydantic import BaseModel, ValidationError
from torch import Tensor

from bench.base.errors import BenchError
from bench.checks.conformance.state import global_generators_at, require_same, same, snapshot, temporary_checkpoints
from bench.checks.conformance.subject import STEPS_PER_EPOCH, Subject, require, validated
from bench.ledger.checkpoint_files import Progress
from bench.plugin.discovery import Plugin


def require_literals(plugin: Plugin, loaded: type, names: tuple[str, ...]) -> None:
    """Require class attributes that can be read without importing the plugin."""
    for name in names:
        value = plugin.literals.get(name)
        require(value not in (None, ""), f"class attribute {name} is missing or no literal; write `{name} = ...`")
        require(getattr(loaded, name) == value, f"class attribute {name} is changed after the class body")
    revision = plugin.literals["revision"]
    require(isinstance(revision, int) and revision >= 1, f"revision must be 1, 2, ..., not {revision!r}")


def require_config(config_class: type[BaseModel], base: type[BaseModel]) -> None:
    """Require a strict configuration whose defaults are valid and survive JSON, as `spec.json` needs."""
    require(issubclass(config_class, base), f"Config must subclass {base.__module__}.{base.__name__}")
    config = validated(config_class, {}, "Config's defaults")
    again = validated(config_class, config.model_dump(mode="json"), "Config's defaults read back from JSON")
    require(again == config, "Config's defaults change when they are written as JSON and read back")
    try:
        config_class.model_validate({"no_such_key": 1})
    except ValidationError:
        return
    raise BenchError('Config takes unknown keys; leave extra="forbid" in its model_config')


def finite_losses(subject: Subject) -> None:
    """Losses are named, finite, detached scalars."""
    for losses in subject.train(subject.build()):
        require(isinstance(losses, dict) and bool(losses), "step must return losses by name")
        for name, value in losses.items():
            require(isinstance(value, Tensor) and value.ndim == 0, f"loss {name} must be a scalar tensor")
            require(not value.requires_grad, f"loss {name} is still attached to the graph; return it detached")
            require(bool(torch.isfinite(value)), f"loss {name} is {float(value)}")


def whole_checkpoint(subject: Subject) -> None:
    """A state saved from one method makes another one, of other weights, the same in every bit."""
    method, other = subject.build(), subject.build(seed=1)
    subject.train(method, stop=STEPS_PER_EPOCH)
    with temporary_checkpoints() as checkpoints:
        checkpoints.save_state(method, STEPS_PER_EPOCH, Progress(seconds=0.5))
        restored = checkpoints.restore_state(other)
    require(restored == (STEPS_PER_EPOCH, Progress(seconds=0.5)), "the checkpoint cannot be read back")
    require_same(snapshot(method), snapshot(other), "a checkpoint does not bring everything back")


def exact_resume(subject: Subject) -> None:
    """Two steps, a checkpoint, and two steps of a new process's method equal four steps in every bit."""
    with global_generators_at(1):
        uninterrupted = subject.build()
        expected = subject.train(uninterrupted)[STEPS_PER_EPOCH:]
    with global_generators_at(2), temporary_checkpoints() as checkpoints:
        stopped, resumed = subject.build(), subject.build()
        subject.train(stopped, stop=STEPS_PER_EPOCH)
        checkpoints.save_state(stopped, STEPS_PER_EPOCH, Progress())
        checkpoints.restore_state(resumed)
        actual = subject.train(resumed, first=STEPS_PER_EPOCH)
    problem = "going on from a checkpoint gives another result; is there state outside state_dict, or a global draw?"
    for before, after in zip(expected, actual, strict=True):
        require_same({f"loss {k}": v for k, v in before.items()}, {f"loss {k}": v for k, v in after.items()}, problem)
    require_same(snapshot(uninterrupted), snapshot(resumed), problem)


def seeded(subject: Subject) -> None:
    """One seed gives one result wherever the global random generators stand; another seed gives another."""
    snapshots = []
    for seed, place in ((0, 1), (0, 2), (1, 1)):
        with global_generators_at(place):
            method = subject.build(seed)
            subject.train(method, seed=seed)
            snapshots.append(snapshot(method))
    require_same(snapshots[0], snapshots[1], "one seed gives two results; draw from `draws` and `context.draw` only")
    differ = any(not same(snapshots[0][key], snapshots[2].get(key)) for key in snapshots[0])
    require(differ, "two seeds give one result; draw the initial weights from `draws`")
