"""From (method, protocol, scale, overrides) to the configuration that is trained, and what in it is not as published."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from bench.base.errors import NotAvailable, UsageError, unknown_name
from bench.base.validation import Strict, validation_line
from bench.base.weight_files import WeightFile
from bench.plan.deviations import config_deviations, missing_recipe, protocol_deviations
from bench.plan.memory import remembered
from bench.plugin.discovery import Plugin, find_plugin, load_method
from bench.plugin.named import is_file_reference, name_file
from bench.schema.data import EarthData
from bench.schema.protocol import Protocol, Scale, load_protocol
from bench.schema.run_spec import digest
from bench.schema.scoring_plan import ScoringPlan
from bench.schema.variant import variant_name
from bench.tasks.task import load_task

if TYPE_CHECKING:
    from bench.plugin.config import MethodConfig
    from bench.plugin.method import Method

EVERY_DATA_SET = "*"  # the recipe of a method that one command trains on all of them


class Settled(Strict):
    """What a method's own code says of its configuration under one protocol at one scale.

    Attributes:
        config: what is trained, as JSON.
        deviations: from the recipe, one line each.
        plugins: config's field -> kind, for every field that names another plugin.
        needs: role -> (method, overrides) of a run that must be finished first.
        weights: official files that training starts from.
        called: what people call the method, by its loss and by what is changed.
        impossible: why there is no such configuration; empty if there is.
    """

    config: dict[str, Any] = {}
    deviations: list[str] = []
    plugins: dict[str, str] = {}
    needs: dict[str, tuple[str, dict[str, Any]]] = {}
    weights: list[WeightFile] = []
    called: str = ""
    impossible: str = ""


@dataclass(frozen=True)
class Resolution:
    """One method under one protocol at one scale, before seeds and data.

    Attributes:
        plugin: the method.
        reference: how the method is named in a specification.
        values: what is trained, as JSON.
        plugin_fields: field -> kind, for every field of it that names another plugin.
        needs: role -> (method, overrides) of a run that must be finished first.
        weights: official files that training starts from.
        asked, ran: the protocol asked for, and the one whose data and metrics are used (its stand-in, or itself).
        scale, scale_name: of the protocol that runs.
        deviations: every difference from the published setting, one line each.
        called: what people call it, by loss or method and by what is changed.
    """

    plugin: Plugin
    reference: str
    values: dict[str, Any]
    plugin_fields: dict[str, str]
    needs: dict[str, tuple[str, dict[str, Any]]]
    weights: list[WeightFile]
    asked: Protocol
    ran: Protocol
    scale: Scale
    scale_name: str
    deviations: list[str]
    called: str

    @property
    def method_class(self) -> type[Method]:
        """The method, imported."""
        return load_method(self.reference)

    @cached_property
    def config(self) -> MethodConfig:
        """What is trained, as the method's own model; the method is imported for it."""
        return self.method_class.Config.model_validate(self.values)

    @property
    def total_epochs(self) -> int:
        """Epochs of the whole run."""
        return int(self.values["n_epochs"] + self.values["n_epochs_decay"])

    @property
    def is_stand_in(self) -> bool:
        """Whether other data than asked for is used."""
        return self.asked.id != self.ran.id

    @property
    def evaluation(self) -> ScoringPlan:
        """How runs of this resolution are scored."""
        return ScoringPlan(
            metrics=self.ran.metrics,
            plugins={
                use.metric: find_plugin("metric", use.metric).content_sha256()
                for use in self.ran.metrics
                if is_file_reference(use.metric)
            },
            select_by=self.ran.select_by,
            counts=self.asked.counts,
            scored_checkpoints=self.scale.scored_checkpoints,
            test_images=self.scale.test_images,
            validation_images=self.scale.validation_images,
            outputs_per_input=self.scale.outputs_per_input,
        )

    @cached_property
    def runs_name(self) -> str:
        """Equal for resolutions whose runs are the same and scored alike: those of the columns of a row, say."""
        protocols = [one.model_dump(mode="json") for one in (self.asked, self.ran)]
        return digest([self.reference, self.values, self.needs, protocols, self.scale_name])

    def plugin_files(self) -> dict[str, str]:
        """sha256 of every user's file that this configuration uses, with what it imports, by reference."""
        used = {self.reference: self.plugin}
        for name, kind in self.plugin_fields.items():
            used[self.values[name]] = find_plugin(kind, self.values[name])
        return {reference: plugin.content_sha256() for reference, plugin in used.items() if plugin.is_user_file}

    def revisions(self) -> dict[str, int]:
        """Revision numbers of the method and of every plugin its configuration names."""
        numbers = {"method": self.plugin.revision}
        for name, kind in self.plugin_fields.items():
            numbers[name] = find_plugin(kind, self.values[name]).revision
        return numbers


def resolve(
    reference: str,
    protocol: Protocol,
    scale_name: str,
    overrides: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
) -> Resolution:
    """Resolve one method under one protocol at one scale.

    Args:
        reference: method name or FILE.py:Class.
        protocol: the protocol asked for.
        scale_name: smoke, mini or paper.
        overrides: a table row's variant: part of what is published, not a deviation.
        settings: the user's own changes (--set), applied last; deviations.

    Raises:
        UsageError: for unknown names, keys or wrong types, and for a method that cannot do the protocol's task.
        NotAvailable: if the protocol has nothing to run at this scale, or what is published does not fit it.
    """
    plugin = find_plugin("method", reference)
    scale = protocol.scale(scale_name)
    if not scale.available:
        # without the protocol's name, so that a table says it once for all that share the reason
        raise NotAvailable(f"nothing can be run at scale {scale_name}: {scale.why}; choose another scale")
    ran = _stand_in(protocol, scale) if scale.stand_in else protocol
    if ran is not protocol:
        scale = ran.scale(scale_name)
        if scale.stand_in:
            raise UsageError(f"{ran.file}: scale {scale_name} is itself a stand-in; name the final one")

    def ask() -> tuple[Settled, bool]:
        settled = _settle(load_method(reference), plugin, protocol, ran, scale_name, overrides, settings)
        used = [plugin, *(find_plugin(kind, settled.config[name]) for name, kind in settled.plugins.items())]
        return settled, all(one.is_built_in for one in used)

    question = {
        "method": reference,
        "protocols": [one.model_dump(mode="json") for one in (protocol, ran)],
        "scale": scale_name,
        "overrides": overrides,
        "settings": settings,
    }
    settled = remembered(question, Settled, ask)
    if settled.impossible:
        raise NotAvailable(settled.impossible)
    return Resolution(
        plugin=plugin,
        reference=_absolute("method", reference),
        values=settled.config,
        plugin_fields=settled.plugins,
        needs=settled.needs,
        weights=settled.weights,
        asked=protocol,
        ran=ran,
        scale=scale,
        scale_name=scale_name,
        deviations=[*protocol_deviations(protocol, ran, scale), *settled.deviations],
        called=settled.called,
    )


def _settle(
    method_class: type[Method],
    plugin: Plugin,
    protocol: Protocol,
    ran: Protocol,
    scale_name: str,
    overrides: dict[str, Any] | None,
    settings: dict[str, Any] | None,
) -> Settled:
    """Ask the method itself; see `resolve`."""
    for field in method_class.Config.plugin_fields:  # what the caller or the method's own code names may run
        own = method_class.Config.model_fields[field].get_default()
        for value in (own, *(given.get(field) for given in (overrides or {}, settings or {}))):
            name_file(str(value))
    require_capability(method_class, protocol)
    name, scale, fields = plugin.name, ran.scale(scale_name), method_class.Config.model_fields
    recipe = _published_recipe(method_class, protocol)
    values = _changed(method_class, _changed(method_class, {}, recipe or {}), overrides or {})
    published = _validated(method_class, values, f"method {name}")
    changed = _at_scale(published, scale)
    where = f"method {name} at scale {scale_name}"
    for key in settings or {}:
        if key not in fields:
            raise UsageError(f"--set {key}: {unknown_name(f'setting of {name}', key, fields)}")
    values = _changed(method_class, published.model_dump() | changed, settings or {})
    try:
        config = _validated(method_class, values, where)
    except UsageError:
        if (reason := _unfit(method_class, published.model_dump() | changed, where)) is None:
            raise  # the user's own settings are at fault
        return Settled(impossible=f"{reason}; --set another, or choose another scale")
    if config.load_size < config.crop_size:
        at_fault = where if {"load_size", "crop_size"} & (settings or {}).keys() else f"{ran.file}: {where}"
        raise UsageError(
            f"{at_fault}: load_size {config.load_size} is less than crop_size {config.crop_size}; raise load_size"
        )
    plugin_fields = {name: kind for name, kind in method_class.Config.plugin_fields.items() if getattr(config, name)}
    given = {**(overrides or {}), **(settings or {})}
    config = config.model_copy(
        update={name: _absolute(kind, getattr(config, name)) for name, kind in plugin_fields.items()}
    )
    return Settled(
        config=config.model_dump(mode="json"),
        deviations=[
            *([missing_recipe(protocol)] if recipe is None else []),
            *config_deviations(published, config),
        ],
        plugins=plugin_fields,
        needs={role: (one.method, one.overrides) for role, one in method_class.required_runs(config).items()},
        weights=method_class.weight_files(config),
        called=_called(plugin, method_class, _plain(method_class, recipe, scale, published), config, given),
    )


def _at_scale(published: MethodConfig, scale: Scale) -> dict[str, Any]:
    """What a scale changes of a published configuration."""
    changed = {name: value for name, value in scale.overrides.items() if name in type(published).model_fields}
    changed["n_epochs"] = max(1, round(published.n_epochs / scale.epoch_divisor))
    if published.n_epochs_decay:
        changed["n_epochs_decay"] = max(1, round(published.n_epochs_decay / scale.epoch_divisor))
    if scale.images_per_epoch is not None:
        changed["images_per_epoch"] = scale.images_per_epoch
    return changed


def _plain(
    method_class: type[Method], recipe: dict[str, Any] | None, scale: Scale, published: MethodConfig
) -> dict[str, Any]:
    """The method at a scale without anything that somebody changes, as JSON."""
    with suppress(ValidationError):  # a recipe that is only valid with a row's variant
        published = method_class.Config.model_validate(_changed(method_class, {}, recipe or {}))
    return published.model_dump(mode="json") | _at_scale(published, scale)


def _called(
    plugin: Plugin, method_class: type[Method], plain: dict[str, Any], config: MethodConfig, given: dict[str, Any]
) -> str:
    """What people call a method: by its loss, if that is what is tried in it, and by what is changed.

    Args:
        plugin: the method.
        method_class: the same, imported.
        plain: its configuration at this scale without changes, as JSON.
        config: the configuration with them.
        given: what somebody changes, by setting.
    """
    name, now = plugin.name, config.model_dump(mode="json")
    changes: dict[str, Any] = {}
    kinds = method_class.Config.plugin_fields
    tried = {field for field in kinds if field in given and plain[field] != now[field]}
    for field in tried:
        found = find_plugin(kinds[field], now[field]).name
        name = found if plugin.literals.get("hosts_losses") else f"{found} in {name}"
    for key in given.keys() - tried:
        field = key.removesuffix("_options")
        if field != key and field in kinds and isinstance(given[key], dict):
            changes |= {k: now[key][k] for k in given[key] if field in tried or plain[key].get(k) != now[key][k]}
        elif plain[key] != now[key]:
            changes[key] = now[key]
    return variant_name(name, dict(sorted(changes.items())))


def _stand_in(protocol: Protocol, scale: Scale) -> Protocol:
    """The protocol that stands in, with the share of its training images that the scale asks for."""
    assert scale.stand_in is not None  # the caller asked
    ran = load_protocol(scale.stand_in)
    if scale.stand_in_one_in == 1:
        return ran
    if not isinstance(ran.data, EarthData):
        raise UsageError(f"{protocol.file}: stand_in_one_in needs an embedded stand-in; {ran.id} is a folder of files")
    return ran.model_copy(update={"data": ran.data.model_copy(update={"train_one_in": scale.stand_in_one_in})})


def _published_recipe(method_class: type[Method], protocol: Protocol) -> dict[str, Any] | None:
    """What was published for this protocol, or for every data set; None: nothing was."""
    return method_class.recipes.get(protocol.recipe, method_class.recipes.get(EVERY_DATA_SET))


def _changed(method_class: type[Method], values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Apply changes. A plugin's options (`loss_options`) are merged, unless another plugin takes its place."""
    result = values | changes
    for plugin_field in method_class.Config.plugin_fields:
        name = f"{plugin_field}_options"
        if name not in method_class.Config.model_fields or not {plugin_field, name} & changes.keys():
            continue
        before = {f: values.get(f, method_class.Config.model_fields[f].get_default()) for f in (plugin_field, name)}
        options = changes.get(name, {})
        if changes.get(plugin_field, before[plugin_field]) == before[plugin_field] and isinstance(options, dict):
            options = before[name] | options
        result[name] = options
    return result


def _absolute(kind: str, reference: str) -> str:
    """A plugin reference that means the same from any working directory."""
    plugin = find_plugin(kind, reference)
    return f"{plugin.path}:{plugin.class_name}" if plugin.is_user_file else reference


def require_capability(method_class: type[Method], protocol: Protocol) -> None:
    """Refuse, before anything is trained, a method that cannot do what the protocol needs."""
    task = load_task(protocol.task)
    if method_class.task != protocol.task or not callable(getattr(method_class, task.verb, None)):
        raise UsageError(
            f"protocol {protocol.id} needs a {task.capability.__name__} ({protocol.task}, with {task.verb}()); "
            f"method {method_class.name or method_class.__name__} is for {method_class.task}"
        )


def _unfit(method_class: type[Method], values: dict[str, Any], where: str) -> str | None:
    """Why a published configuration, valid as published, is not possible at a scale; None if it can."""
    try:
        _validated(method_class, values, where)
    except UsageError as error:
        return str(error)
    return None


def _validated(method_class: type[Method], values: dict[str, Any], where: str) -> MethodConfig:
    try:
        return method_class.Config.model_validate(values)
    except ValidationError as error:
        raise UsageError(validation_line(where, error)) from error
