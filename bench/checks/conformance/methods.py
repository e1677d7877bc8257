"""The checks of a method."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from bench.checks.conformance.drawing import (
    drawn_from_the_moment,
    fixed_shapes,
    made_of_its_parts,
    nothing_drawn_in_a_step,
)
from bench.checks.conformance.state import require_same, same, snapshot, temporary_checkpoints
from bench.checks.conformance.subject import STEPS_PER_EPOCH, Check, Subject, require, validated
from bench.checks.conformance.update import (
    exact_resume,
    finite_losses,
    require_config,
    require_literals,
    seeded,
    whole_checkpoint,
)
from bench.plugin.config import MethodConfig
from bench.plugin.discovery import find_plugin, load_method, plugins


def method_checks() -> dict[str, Check]:
    """What each check makes sure of -> the check, which takes a reference and raises BenchError."""
    return {
        "name, task, citation and revision are literals": _literals,
        "Config forbids unknown keys, its defaults and recipes are valid": _config,
        "losses are finite, detached scalars": _small(finite_losses),
        "every network learns": _small(_networks),
        "what is drawn depends on the moment alone": _small(drawn_from_the_moment),
        "a step draws nothing and waits for nothing": _small(nothing_drawn_in_a_step),
        "shapes stay within a phase": _small(fixed_shapes),
        "a training step is draw, phase and step": _small(made_of_its_parts),
        "a checkpoint holds the whole state": _small(whole_checkpoint),
        "stopping and going on changes no bit": _small(exact_resume),
        "the seed alone decides the result": _small(seeded),
        "the output has the right shape and range": _small(_output),
        "making images changes nothing": _small(_pure),
    }


def _small(check: Callable[[Subject], None]) -> Check:
    return lambda reference: check(Subject.of_method(reference))


def _literals(reference: str) -> None:
    plugin, loaded = find_plugin("method", reference), load_method(reference)
    require_literals(plugin, loaded, ("name", "task", "citation", "revision"))
    require(loaded.task in plugins("task"), f"task {loaded.task!r} is none of {', '.join(plugins('task'))}")


def _config(reference: str) -> None:
    loaded = load_method(reference)
    require_config(loaded.Config, MethodConfig)
    for name, recipe in loaded.recipes.items():
        validated(loaded.Config, recipe, f"recipe {name}")


def _networks(subject: Subject) -> None:
    method = subject.build()
    networks = {name: child for name, child in method.named_children() if name.startswith("net")}
    require(bool(networks), "there is no network; call them netG, netD, ..., as records and reports do")
    before = {name: {k: v.detach().clone() for k, v in net.state_dict().items()} for name, net in networks.items()}
    subject.train(method)
    for name, network in networks.items():
        moved = any(not same(before[name][key], value) for key, value in network.state_dict().items())
        require(moved, f"{name} never changes: no optimizer has its parameters, or no gradient reaches them")


def _output(subject: Subject) -> None:
    method, scorer = subject.build(), subject.build(seed=1)
    subject.train(method, stop=STEPS_PER_EPOCH)
    images = subject.output(method)
    require(isinstance(images, Tensor), f"the output must be a tensor, not {type(images).__name__}")
    require((problem := subject.task.problem(images.detach(), subject.config)) is None, problem or "")
    require(not images.requires_grad, "the output is attached to the graph; decorate with @torch.no_grad()")
    with temporary_checkpoints() as checkpoints:
        checkpoints.save_weights(method, 1)
        checkpoints.load_weights(scorer, 1)
    require(
        same(images, subject.output(scorer)),
        "the output depends on something that state_dict does not hold, or kept_networks not name",
    )


def _pure(subject: Subject) -> None:
    method = subject.build()
    subject.train(method, stop=STEPS_PER_EPOCH)
    before = snapshot(method)
    images = subject.output(method)
    require_same(before, snapshot(method), "making images changes the state")
    require(same(images, subject.output(method)), "the same input gives another output the second time")
