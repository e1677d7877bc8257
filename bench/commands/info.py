"""What `info NAME` says about a method, loss, metric, protocol or table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from bench.base.errors import UsageError, unknown_name
from bench.base.hashing import file_sha256
from bench.metrics.metric import Metric, load_metric
from bench.plugin.closure import closure
from bench.plugin.discovery import Plugin, find_plugin, load_loss, load_method, plugins
from bench.plugin.named import name_file
from bench.schema.bounded_yaml import read_yaml
from bench.schema.parameters import open_title, parameters, protocols_in
from bench.schema.protocol import load_protocol, protocol_names
from bench.schema.yaml_files import protocol_files, table_files


def describe(name: str, own: Path | None = None) -> dict[str, Any]:
    """A description of the thing with this name, as plain values.

    Args:
        name: of a method, loss, metric, protocol or table.
        own: the folder of the user's protocols; None: there is none.

    Raises:
        UsageError: if nothing has that name.
    """
    if ".py:" in name:
        return _user_file(name)
    for kind, explain in (("method", _method), ("loss", _loss), ("metric", _metric)):
        if name in plugins(kind):
            return explain(find_plugin(kind, name))
    protocols = [known for known in protocol_names(own) if "@" not in known]
    if name.partition("@")[0] in protocols:
        return {"kind": "protocol"} | load_protocol(name, own).model_dump(mode="json")
    if name.partition("@")[0] in protocol_files():
        return _protocols(name)
    tables = {str(read_yaml(path).get("name")) for path in table_files().values()}
    if name in tables:
        from bench.schema.table import load_table

        return {"kind": "table"} | load_table(name).model_dump(mode="json")
    known = {*plugins("method"), *plugins("loss"), *plugins("metric"), *protocols, *protocol_files(), *tables}
    raise unknown_name("method, loss, metric, protocol or table", name, known)


def _protocols(name: str) -> dict[str, Any]:
    """The parameters that a file of several protocols leaves open, and its protocols' names."""
    path = protocol_files().get(name) or protocol_files()[name.partition("@")[0]]
    content = read_yaml(path)
    description = {
        "kind": "protocols",
        "name": content["name"],
        "title": open_title(content, path.name),
        "parameters": parameters(content, path.name),
        "protocols": [load_protocol(variant).id for variant in protocols_in(content, path.name)],
    }
    return description | {key: value for key, value in content.items() if key not in description}


def _user_file(reference: str) -> dict[str, Any]:
    from bench.plugin.loss import PairLoss
    from bench.plugin.method import Method

    name_file(reference)
    plugin = find_plugin("plugin", reference)
    loaded = plugin.load()
    for base, explain in ((Method, _method), (PairLoss, _loss), (Metric, _metric)):
        if isinstance(loaded, type) and issubclass(loaded, base):
            return explain(plugin) | _covered(plugin.path)
    raise UsageError(
        f"{reference}: {plugin.class_name} is neither a Method nor a PairLoss nor a Metric; see docs/architecture.md"
    )


def _covered(path: Path) -> dict[str, Any]:
    """What the keys of runs or scores cover of a user's file."""
    consists_of = closure(path)
    names = {f"{path.name}": consists_of.file} | dict(sorted(consists_of.modules)) | dict(sorted(consists_of.data))
    lines = {name.removeprefix(": "): f"sha256 {file_sha256(file)}, {file}" for name, file in names.items()}
    covered: dict[str, Any] = {"covered by keys": lines}
    if consists_of.not_followed:
        covered["not covered by keys"] = [f"{line}: told only by running it" for line in consists_of.not_followed]
    if consists_of.missing:
        covered["not found here"] = consists_of.missing
    return covered


def _reference(plugin: Plugin) -> str:
    return plugin.name if plugin.module else f"{plugin.path}:{plugin.class_name}"


def _common(kind: str, plugin: Plugin) -> dict[str, Any]:
    description: dict[str, Any] = {"kind": kind, "name": plugin.name, "title": plugin.literals.get("__doc__", "")}
    description |= {
        key: plugin.literals[key] for key in ("task", "citation", "source", "revision") if key in plugin.literals
    }
    return description | {"origin": plugin.origin, "file": str(plugin.path)}


def _method(plugin: Plugin) -> dict[str, Any]:
    """Parameter counts are those of the published configuration, counted on networks that are built for it."""
    from bench.base.randomness import Draws

    method_class = load_method(_reference(plugin))
    config = method_class.Config()  # type: ignore[call-arg]  # every method's published command is its default
    networks = method_class(config, Draws(0)).networks()
    counts = {name: f"{sum(p.numel() for p in net.parameters()):,}" for name, net in networks.items()}
    return _common("method", plugin) | {
        "parameters": counts,
        # every field: a run's record leaves out some that came later and are off
        "published settings": TypeAdapter(dict[str, Any]).dump_python(dict(config), mode="json"),
        "recipes": _recipes(method_class.recipes),
    }


def _recipes(recipes: dict[str, dict[str, Any]]) -> dict[str, Any] | str:
    """For which protocols the settings are published, and what differs there from those shown."""
    shown = {"every data set" if name == "*" else name: recipe for name, recipe in recipes.items()}
    named = {name: recipe or "the published settings" for name, recipe in shown.items()}
    return named or "none: under every protocol its own defaults, which is listed as a deviation"


def _loss(plugin: Plugin) -> dict[str, Any]:
    loss_class = load_loss(_reference(plugin))
    options = {name: field.get_default() for name, field in loss_class.Config.model_fields.items()}
    return _common("loss", plugin) | {"options": options}


def _metric(plugin: Plugin) -> dict[str, Any]:
    metric = load_metric(_reference(plugin))
    return _common("metric", plugin) | {
        "description": metric.description,
        "higher is better": metric.higher_is_better,
        "extractor": metric.extractor.id if metric.extractor else "none (pixels)",
    }
