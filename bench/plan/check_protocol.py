"""What a protocol file names and only plugins can know: metrics, their settings, recipes, configuration fields.

Checked before anything is planned, so that a slip in a file is one line about that file, and never a setting that
silently does nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from pydantic import ValidationError

from bench.base.errors import BenchError, UsageError, unknown_name
from bench.base.validation import Strict, validation_line
from bench.metrics.metric import load_metric
from bench.plan.memory import remembered
from bench.plan.resolve import EVERY_DATA_SET, require_capability
from bench.plugin.discovery import find_plugin, load_method, plugins
from bench.schema.protocol import Protocol, load_protocol
from bench.tasks.task import load_task

if TYPE_CHECKING:
    from bench.plugin.method import Method


class Checked(Strict):
    """That nothing is wrong."""


def check_protocol(protocol: Protocol, scale_name: str, methods: Collection[str]) -> None:
    """Check a protocol, and the stand-in that its scale runs, against the plugins there are.

    Args:
        protocol: the protocol asked for.
        scale_name: the scale that is to be run.
        methods: names or FILE.py:Class of the methods that are to run under it.

    Raises:
        UsageError: naming the protocol's file and the key.
    """
    stand_in = protocol.scale(scale_name).stand_in
    checked = [protocol] if stand_in is None else [protocol, load_protocol(stand_in)]
    # what is wrong raises, so that only good answers are kept
    remembered(
        {
            "protocols": [one.model_dump(mode="json") for one in checked],
            "scale": scale_name,
            "methods": sorted(methods),
            "installed": sorted(f"{plugin.name} {plugin.origin}" for plugin in plugins("method").values()),
        },
        Checked,
        lambda: (_check(checked, scale_name, methods), _are_built_in(checked, methods)),
    )


def _check(protocols: Sequence[Protocol], scale_name: str, methods: Iterable[str]) -> Checked:
    used = {reference: load_method(reference) for reference in methods}
    for one in protocols:
        _check_metrics(one)
        _check_segmenter(one, scale_name)
        _check_recipe(one, used)
        _check_overrides(one, scale_name, used)
        _check_outputs(one, scale_name)
    return Checked()


def _are_built_in(protocols: Iterable[Protocol], methods: Iterable[str]) -> bool:
    """Whether every plugin that the answer depends on is contrastbench's own."""
    used = [find_plugin("method", reference) for reference in methods]
    used += [find_plugin("metric", use.metric) for one in protocols for use in one.metrics]
    used += [find_plugin("method", one.segmenter.method) for one in protocols if one.segmenter]
    return all(plugin.is_built_in for plugin in used)


def _check_metrics(protocol: Protocol) -> None:
    for use in protocol.metrics:
        try:
            metric = load_metric(use.metric)
            metric.resolve(use.settings)
        except UsageError as error:
            raise UsageError(f"{protocol.file}: metrics: {error}") from error
        if metric.uses_segmenter and protocol.segmenter is None and not load_task(protocol.task).segments:
            raise UsageError(f"{protocol.file}: metrics: {use.metric} needs a segmenter; name its method and protocol")


def _check_segmenter(protocol: Protocol, scale_name: str) -> None:
    """Check the segmentation network that scores a protocol's images as the protocol itself is checked."""
    use = protocol.segmenter
    if use is None:
        return
    try:
        of = load_protocol(use.protocol)
        if not load_task(of.task).segments:
            raise UsageError(f"protocol {of.id} is for {of.task}; name one for segmentation")
        check_protocol(of, scale_name, [use.method])
        require_capability(load_method(use.method), of)
    except UsageError as error:
        raise UsageError(f"{protocol.file}: segmenter: {error}") from error


def _check_outputs(protocol: Protocol, scale_name: str) -> None:
    if protocol.scale(scale_name).outputs_per_input > 1 and not load_task(protocol.task).several_outputs:
        raise UsageError(
            f"{protocol.file}: scales.{scale_name}.outputs_per_input: {protocol.task} makes one image of each input; "
            "remove it"
        )


def _check_recipe(protocol: Protocol, used: dict[str, type[Method]]) -> None:
    """A recipe that only other methods have is a deviation of those that run; one that no method names is a slip."""
    recipes = _recipe_names(used.values())
    if protocol.recipe in recipes:
        return
    recipes |= _recipe_names(method for method in _installed() if method.task == protocol.task)
    if protocol.recipe not in recipes:
        raise UsageError(f"{protocol.file}: recipe: {unknown_name('recipe of a method', protocol.recipe, recipes)}")


def _recipe_names(methods: Iterable[type[Method]]) -> set[str]:
    return {name for method in methods for name in method.recipes} - {EVERY_DATA_SET}


def _check_overrides(protocol: Protocol, scale_name: str, used: dict[str, type[Method]]) -> None:
    """An override is for the methods that have the field; one that no method has is a slip."""
    overrides = protocol.scale(scale_name).overrides
    where = f"{protocol.file}: scales.{scale_name}.overrides"
    unknown = overrides.keys() - {name for method in used.values() for name in method.Config.model_fields}
    if unknown:
        fields = {name for method in [*used.values(), *_installed()] for name in method.Config.model_fields}
        if wrong := sorted(unknown - fields):
            raise UsageError(f"{where}: {unknown_name('setting of a method', wrong[0], fields)}")
    for method in used.values():
        fitting = {name: value for name, value in overrides.items() if name in method.Config.model_fields}
        try:
            method.Config.model_validate(fitting)
        except ValidationError as error:
            if any(fault["loc"] and fault["loc"][0] in fitting for fault in error.errors()):
                raise UsageError(validation_line(where, error)) from error


def _installed() -> list[type[Method]]:
    """Every installed method that loads; what breaks another package's plugin is no business of this file."""
    methods = []
    for name in plugins("method"):
        try:
            methods.append(load_method(name))
        except BenchError:
            continue
    return methods
