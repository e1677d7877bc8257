"""The checks of a loss, inside the method that hosts it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor, nn

from bench.checks.conformance.drawing import drawn_from_the_moment, fixed_shapes, nothing_drawn_in_a_step
from bench.checks.conformance.state import require_same, same
from bench.checks.conformance.subject import Check, Subject, require
from bench.checks.conformance.update import (
    exact_resume,
    finite_losses,
    require_config,
    require_literals,
    seeded,
    whole_checkpoint,
)
from bench.plugin.discovery import find_plugin, load_loss
from bench.plugin.loss import LossConfig, LossContext, Pair, PairLoss
from bench.plugin.method import Method


def loss_checks() -> dict[str, Check]:
    """What each check makes sure of -> the check, which takes a reference and raises BenchError."""
    return {
        "name, citation and revision are literals": _literals,
        "Config forbids unknown keys, its defaults are valid": _config,
        "terms are finite scalars": _small(_terms),
        "the pair is left as it was, keys without gradient": _small(_inputs),
        "the gradient reaches netG": _gradient,
        "the adversary, if there is one, learns": _small(_adversary),
        "every other parameter is trained with G and F or frozen": _small(_trained),
        "what is drawn depends on the moment alone": _small(drawn_from_the_moment),
        "a step draws nothing and waits for nothing": _small(nothing_drawn_in_a_step),
        "shapes stay within a phase": _small(fixed_shapes),
        "a checkpoint holds the whole state": _small(whole_checkpoint),
        "stopping and going on changes no bit": _small(exact_resume),
        "the seed alone decides the result": _small(seeded),
    }


def _small(check: Callable[[Subject], None]) -> Check:
    return lambda reference: check(Subject.of_loss(reference))


def _literals(reference: str) -> None:
    require_literals(find_plugin("loss", reference), load_loss(reference), ("name", "citation", "revision"))


def _config(reference: str) -> None:
    require_config(load_loss(reference).Config, LossConfig)


@dataclass(frozen=True)
class _Call:
    """One call of the loss: the pair afterwards, copies of its tensors from before, and the terms."""

    pair: Pair
    before: dict[str, Tensor]
    terms: dict[str, Tensor]


def _loss_of(host: Method) -> PairLoss:
    loss = dict(host.named_children())["loss"]
    assert isinstance(loss, PairLoss)
    return loss


def _watched_step(subject: Subject, host: Method) -> list[_Call]:
    """The calls of the loss in one training step."""
    loss, calls = _loss_of(host), []
    inner = loss.terms

    def terms(pair: Pair, context: LossContext) -> dict[str, Tensor]:
        before = {name: tensor.detach().clone() for name, tensor in _tensors(pair).items()}
        returned = inner(pair, context)
        calls.append(_Call(pair, before, returned))
        return returned

    loss.terms = terms  # type: ignore[method-assign]
    subject.train(host, stop=1)
    return calls


def _tensors(pair: Pair) -> dict[str, Tensor]:
    fields = ("query", "key", "ids", "query_map", "key_map")
    return {f"{field} of layer {i}": getattr(layer, field) for i, layer in enumerate(pair.layers) for field in fields}


def _terms(subject: Subject) -> None:
    calls = _watched_step(subject, subject.build())
    require(any(call.terms for call in calls), "forward returned no term for any pair")
    finite_losses(subject)


def _inputs(subject: Subject) -> None:
    host = subject.build()
    attached = _loss_of(host).needs_key_graph
    for call in _watched_step(subject, host):
        require_same(call.before, _tensors(call.pair), "forward changes what it was given")
        for layer in call.pair.layers:
            require(not layer.key.requires_grad, "key is attached to the graph")
            require(attached or not layer.key_map.requires_grad, "key_map is attached without needs_key_graph")


def _gradient(reference: str) -> None:
    # without the adversarial term, what reaches netG comes from the loss alone
    subject = Subject.of_loss(reference, {"lambda_GAN": 0.0})
    host = subject.build()
    subject.train(host, stop=1)
    require(_gradient_size(host.networks()["G"].parameters()) > 0, "no gradient reaches netG; is query detached?")


def _adversary(subject: Subject) -> None:
    host = subject.build()
    parameters = _loss_of(host).adversary_parameters()
    before = [parameter.detach().clone() for parameter in parameters]
    subject.train(host)
    if parameters:
        require(_gradient_size(parameters) > 0, "no gradient of adversary_loss reaches adversary_parameters()")
        moved = any(not same(old, new) for old, new in zip(before, parameters, strict=True))
        require(moved, "adversary_parameters() never change")


def _trained(subject: Subject) -> None:
    host = subject.build()
    subject.train(host)
    _loss_of(host).require_trained()


def trained_by(reference: str) -> dict[str, list[str]]:
    """Who trains a loss's parameters.

    Args:
        reference: a loss's name, or FILE.py:Class.

    Returns:
        `trained with G and F`, `trained by the adversary`, `frozen` -> parameters' names.
    """
    loss = _loss_of(Subject.of_loss(reference).build())
    adversary = {id(parameter) for parameter in loss.adversary_parameters()}
    names: dict[str, list[str]] = {"trained with G and F": [], "trained by the adversary": [], "frozen": []}
    for name, parameter in loss.named_parameters():
        trainer = "trained with G and F" if name in loss.trained_parameters() else "frozen"
        names["trained by the adversary" if id(parameter) in adversary else trainer].append(name)
    return names


def _gradient_size(parameters: Iterable[nn.Parameter]) -> float:
    return sum(float(parameter.grad.abs().sum()) for parameter in parameters if parameter.grad is not None)
