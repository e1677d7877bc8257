"""Which numbers the methods of a protocol take in label maps, for `data verify`."""

from __future__ import annotations

from bench.base.errors import BenchError
from bench.data.labels import LabelRule
from bench.plan.resolve import resolve
from bench.plugin.discovery import plugins
from bench.schema.protocol import Protocol, load_protocol

SCALE = "paper"  # that of the protocol's own data


def label_rules(protocol: Protocol) -> list[LabelRule]:
    """One rule for each method that can be trained on the protocol's label maps, and for the one that scores with them."""
    methods = plugins("method").items()
    asked = {(name, protocol.name) for name, plugin in methods if plugin.literals.get("task") == protocol.task}
    if protocol.segmenter is not None:
        asked.add((protocol.segmenter.method, protocol.segmenter.protocol))
    rules: dict[tuple[int, bool], LabelRule] = {}
    for method, name in sorted(asked):
        try:
            config = resolve(method, protocol if name == protocol.name else load_protocol(name), SCALE).config
        except BenchError:  # it has no settings for this protocol, so it makes no demands
            continue
        if (rule := LabelRule.asked_by(config, method)) is not None:
            rules.setdefault((rule.classes, rule.unlabelled), rule)
    return list(rules.values())
