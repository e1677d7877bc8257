"""Who takes part in a comparison, and with which configuration, so that only what is meant to differ does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from bench.base.errors import UsageError, unknown_name
from bench.plan.check_protocol import check_protocol
from bench.plan.resolve import Resolution, resolve
from bench.plugin.config import LENGTH_FIELDS
from bench.plugin.discovery import find_plugin, load_loss, load_method, loss_host
from bench.schema.protocol import Protocol

Budget = Literal["equal", "as-published"]
BUDGETS = get_args(Budget)


@dataclass(frozen=True)
class Contender:
    """One participant before it meets a protocol.

    Attributes:
        label: what people call it; unique in its comparison.
        method: method name or FILE.py:Class.
        overrides: what makes it differ from that method: its loss and the loss's options.
    """

    label: str
    method: str
    overrides: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Entrant:
    """A contender with the configuration it runs with.

    Attributes:
        label: of the contender.
        resolution: what is run.
        differences: how its configuration differs from the candidate's, one line each; empty for the candidate.
    """

    label: str
    resolution: Resolution
    differences: list[str]


def choose(
    loss: str | None,
    method: str | None,
    loss_options: dict[str, Any],
    framework: str | None,
    against: Sequence[str],
) -> list[Contender]:
    """Put a comparison's contenders together, the candidate first.

    Args:
        loss: the candidate is `framework` with this loss (a name or FILE.py:Class);
        method: or it is this method.
        loss_options: the loss's own options.
        framework: a method that takes a loss; None: the one that hosts losses.
        against: methods it is compared with.

    Raises:
        UsageError: unless there is exactly one candidate and at least one other, all with names of their own.
    """
    if (loss is None) == (method is None):
        raise UsageError("say what to compare: --loss FILE.py:Class, or --method with a name or FILE.py:Class")
    if not against:
        raise UsageError(f"say what to compare with: --against NAME[,NAME], for example --against {loss_host()}")
    if loss is not None:
        framework = framework or loss_host()
        if "loss" not in load_method(framework).Config.plugin_fields:
            raise UsageError(f"--framework {framework}: takes no loss; choose one that does, for example {loss_host()}")
        load_loss(loss)
        overrides: dict[str, Any] = {"loss": loss} | ({"loss_options": loss_options} if loss_options else {})
        contenders = [Contender(find_plugin("loss", loss).name, framework, overrides)]
    else:
        if loss_options:
            raise UsageError("--loss-option goes with --loss; change a method's settings with --set KEY=VALUE")
        contenders = [Contender(find_plugin("method", str(method)).name, str(method))]
    contenders += [Contender(find_plugin("method", name).name, name) for name in against]
    labels = [contender.label for contender in contenders]
    for label in labels:
        if labels.count(label) > 1:
            raise UsageError(f"two contenders are named '{label}'; leave one out or rename the class")
    return contenders


def enter(
    contenders: Sequence[Contender], protocol: Protocol, scale: str, budget: str, settings: dict[str, Any]
) -> list[Entrant]:
    """Resolve every contender under one protocol.

    Args:
        contenders: the candidate first.
        protocol: the protocol.
        scale: smoke, mini or paper.
        budget: `equal`: all train as many epochs and images as the candidate; `as-published`: each its own recipe's.
        settings: the user's own changes (--set); each goes to every contender that has the setting.

    Raises:
        UsageError: for wrong names, for settings that no contender has, and for contenders that are the same run.
    """
    if budget not in BUDGETS:
        raise unknown_name("budget", budget, BUDGETS)
    check_protocol(protocol, scale, [contender.method for contender in contenders])
    fields = {contender.label: load_method(contender.method).Config.model_fields for contender in contenders}
    for name in settings:
        if not any(name in names for names in fields.values()):
            raise unknown_name("setting", name, {key for names in fields.values() for key in names})

    def resolved(contender: Contender, length: dict[str, Any]) -> Resolution:
        own = {name: value for name, value in settings.items() if name in fields[contender.label]}
        return resolve(contender.method, protocol, scale, contender.overrides, length | own)

    candidate = resolved(contenders[0], {})
    length = {name: getattr(candidate.config, name) for name in LENGTH_FIELDS} if budget == "equal" else {}
    entrants = [Entrant(contenders[0].label, candidate, [])]
    for contender in contenders[1:]:
        resolution = resolved(contender, length)
        entrants.append(Entrant(contender.label, resolution, _differences(candidate, resolution)))
    return entrants


def _differences(candidate: Resolution, other: Resolution) -> list[str]:
    """How another contender differs from the candidate, one line each; settings that only one of them has are its own."""
    lines = []
    if candidate.plugin.name != other.plugin.name:
        lines.append(f"method {other.plugin.name} (candidate: {candidate.plugin.name})")
    settings = dict(candidate.config)
    for name, value in other.config:
        if name in settings and settings[name] != value:
            lines.append(f"{name} {_shown(value)} (candidate: {_shown(settings[name])})")
    return lines


def _shown(value: object) -> str:
    """A setting in words; of a plugin's file its name is enough."""
    file, _, class_name = str(value).rpartition(":")
    return f"{Path(file).name}:{class_name}" if file.endswith(".py") else "all" if value is None else str(value)
