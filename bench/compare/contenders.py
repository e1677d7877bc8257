"""Who takes part in a comparison, and with which configuration, so that only what is meant to differ does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from bench.base.errors import UsageError, unknown_name
from bench.base.validation import Strict
from bench.compare.sweep import combinations
from bench.plan.check_protocol import check_protocol
from bench.plan.resolve import Resolution, resolve
from bench.plugin.config import LENGTH_FIELDS
from bench.plugin.discovery import find_plugin, load_loss, load_method, loss_host
from bench.schema.protocol import Protocol
from bench.schema.variant import read_variant, variant_name, written

Budget = Literal["equal", "as-published"]
BUDGETS = get_args(Budget)
_EVERYTHING = "all"  # how None is written


@dataclass(frozen=True)
class Contender:
    """One participant before it meets a protocol.

    Attributes:
        name: of its loss or method.
        method: method name or FILE.py:Class.
        overrides: what makes it differ from that method: its loss and the loss's options.
        settings: of the method, changed for this contender alone.
        changes: what its label says besides the name.
        is_candidate: whether it is compared, and not what others are compared with.
    """

    name: str
    method: str
    overrides: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)
    is_candidate: bool = False

    @property
    def label(self) -> str:
        """What people call it; unique in its comparison."""
        return variant_name(self.name, self.changes)

    @property
    def options(self) -> set[str]:
        """The options of the loss that is tried in it."""
        return set(load_loss(self.overrides["loss"]).Config.model_fields) if "loss" in self.overrides else set()

    @property
    def fields(self) -> set[str]:
        """The settings of its method."""
        return set(load_method(self.method).Config.model_fields)

    def has(self, name: str) -> bool:
        """Whether its loss has such an option, or its method such a setting."""
        return name in self.options or name in self.fields

    def changed(self, changes: Mapping[str, Any]) -> Contender:
        """This contender with options of its loss, or else settings of its method, changed.

        Raises:
            UsageError: it has none of that name.
        """
        options, settings = dict(self.overrides.get("loss_options", {})), dict(self.settings)
        for name, value in changes.items():
            if not self.has(name):
                raise unknown_name(f"option or setting of {self.name}", name, self.options | self.fields)
            (options if name in self.options else settings)[name] = value
        overrides = self.overrides | ({"loss_options": options} if options else {})
        return replace(self, overrides=overrides, settings=settings, changes={**self.changes, **changes})


@dataclass(frozen=True)
class Try:
    """One configuration of an entrant: a sweep has several, of which one is chosen on validation images."""

    label: str
    resolution: Resolution


@dataclass(frozen=True)
class Entrant:
    """A contender with the configurations it runs with.

    Attributes:
        label: of the contender.
        tries: one, or those of the sweep.
        is_candidate: whether it is compared, and not what others are compared with.
    """

    label: str
    tries: tuple[Try, ...]
    is_candidate: bool = False

    @property
    def resolution(self) -> Resolution:
        """The first configuration, which says what all of them share: protocol, scale, method."""
        return self.tries[0].resolution


def choose(
    losses: Sequence[str] | None,
    method: str | None,
    loss_options: dict[str, Any],
    framework: str | None,
    against: Sequence[str],
) -> list[Contender]:
    """Put a comparison's contenders together, the candidates first.

    Args:
        losses: each candidate is `framework` with one of these losses: a name or FILE.py:Class, or either with options
            in braces, FILE.py:Class{OPTION=VALUE};
        method: or the candidate is this method, with settings in braces if any.
        loss_options: options of every one of the losses.
        framework: a method that takes a loss; None: the one that hosts losses.
        against: methods they are compared with, with settings in braces if any.

    Raises:
        UsageError: unless there is a candidate and at least one other, all with names of their own.
    """
    if bool(losses) == (method is not None):
        raise UsageError("say what to compare: --loss FILE.py:Class, or --method with a name or FILE.py:Class")
    if not against:
        raise UsageError(f"say what to compare with: --against NAME[,NAME], for example --against {loss_host()}")
    if losses:
        framework = framework or loss_host()
        if "loss" not in load_method(framework).Config.plugin_fields:
            raise UsageError(f"--framework {framework}: takes no loss; choose one that does, for example {loss_host()}")
        contenders = [_with_loss(text, loss_options, framework) for text in losses]
    else:
        if loss_options:
            raise UsageError("--loss-option goes with --loss; change a method's settings with --set KEY=VALUE")
        contenders = [replace(_of_method(str(method), "--method"), is_candidate=True)]
    contenders += [_of_method(text, "--against") for text in against]
    labels = [contender.label for contender in contenders]
    for label in labels:
        if labels.count(label) > 1:
            raise UsageError(f"two contenders are named '{label}'; leave one out or rename the class")
    return contenders


def _with_loss(text: str, loss_options: dict[str, Any], framework: str) -> Contender:
    loss, changes = read_variant(text, "--loss")
    load_loss(loss)
    overrides: dict[str, Any] = {"loss": loss} | ({"loss_options": loss_options} if loss_options else {})
    name = find_plugin("loss", loss).name
    return Contender(name, framework, overrides, is_candidate=True).changed(changes)


def _of_method(text: str, option: str) -> Contender:
    method, changes = read_variant(text, option)
    contender = Contender(find_plugin("method", method).name, method)
    return contender.changed(changes) if changes else contender


def enter(
    contenders: Sequence[Contender],
    protocol: Protocol,
    scale: str,
    budget: str,
    settings: dict[str, Any],
    sweep: Mapping[str, Sequence[Any]] | None = None,
) -> list[Entrant]:
    """Resolve every contender under one protocol.

    Args:
        contenders: the candidates first.
        protocol: the protocol.
        scale: smoke, mini or paper.
        budget: `equal`: all train as many epochs and images as the first; `as-published`: each its own recipe's.
        settings: the user's own changes (--set); each goes to every contender that has the setting.
        sweep: setting or option -> values; every contender that has it tries them all.

    Raises:
        UsageError: for wrong names, and for settings that no contender has.
    """
    if budget not in BUDGETS:
        raise unknown_name("budget", budget, BUDGETS)
    check_protocol(protocol, scale, [contender.method for contender in contenders])
    for name in settings:
        if not any(name in contender.fields for contender in contenders):
            raise unknown_name("setting", name, set().union(*(contender.fields for contender in contenders)))
    for name in sweep or {}:
        if name in settings:
            raise UsageError(f"--sweep {name}: --set gives it too; leave one of them out")
        if not any(contender.has(name) for contender in contenders):
            known = [contender.options | contender.fields for contender in contenders]
            raise unknown_name("setting or option", name, set().union(*known))

    def resolved(contender: Contender, length: dict[str, Any]) -> Resolution:
        own = {name: value for name, value in settings.items() if name in contender.fields}
        return resolve(contender.method, protocol, scale, contender.overrides, length | own | contender.settings)

    entrants: list[Entrant] = []
    length: dict[str, Any] = {}
    for contender in contenders:
        tries = []
        for changes in combinations({name: of for name, of in (sweep or {}).items() if contender.has(name)}):
            one = contender.changed(changes) if changes else contender
            tries.append(Try(one.label, resolved(one, length)))
            if budget == "equal" and not length:
                length = {name: getattr(tries[0].resolution.config, name) for name in LENGTH_FIELDS}
        entrants.append(Entrant(contender.label, tuple(tries), contender.is_candidate))
    names = [one.label for entrant in entrants for one in entrant.tries]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"--sweep tries {name}, which is a contender already; leave one of them out")
    return entrants


class Difference(Strict):
    """One setting in which a contender differs from the first one; a value that one of them lacks is `–`."""

    setting: str
    first: str
    own: str

    @property
    def line(self) -> str:
        """In one line."""
        return f"{self.setting} {self.own} (candidate: {self.first})"


def differences(first: Resolution, other: Resolution) -> list[Difference]:
    """How another contender's configuration differs from the first one's; settings that only one method has are its own."""
    found = []
    if first.plugin.name != other.plugin.name:
        found.append(Difference(setting="method", first=first.plugin.name, own=other.plugin.name))
    theirs, own = dict(_flat(first.values)), dict(_flat(other.values))
    shared = first.values.keys() & other.values.keys()
    for name in dict.fromkeys([*theirs, *own]):
        a, b = (values.get(name, _MISSING) for values in (theirs, own))
        if name.partition(".")[0] in shared and a != b:
            found.append(Difference(setting=name, first=_shown(a), own=_shown(b)))
    return found


_MISSING = object()


def _flat(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Settings, with each option of a plugin on its own."""
    pairs: list[tuple[str, Any]] = []
    for name, value in values.items():
        inside = value if isinstance(value, dict) else None
        pairs += [(f"{name}.{key}", part) for key, part in inside.items()] if inside is not None else [(name, value)]
    return pairs


def _shown(value: object) -> str:
    return "–" if value is _MISSING else _EVERYTHING if value is None else written(value)
