"""How a variant is written: a name and, in braces, what is changed, as in `focal_nce{gamma=1,lambda_NCE=2}`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.base.errors import UsageError
from bench.schema.bounded_yaml import read_value

_OPENING, _CLOSING = "{[(", "}])"


def variant_name(name: str, changes: Mapping[str, Any]) -> str:
    """A name with what is changed.

    Args:
        name: of a loss or method.
        changes: setting -> value, as JSON.

    Examples:
        >>> variant_name("focal_nce", {"gamma": 1, "nce_layers": [0, 4]})
        'focal_nce{gamma=1,nce_layers=[0,4]}'
    """
    if not changes:
        return name
    return f"{name}{{{','.join(f'{key}={written(value)}' for key, value in changes.items())}}}"


def written(value: Any) -> str:
    """A value as it is written after `KEY=`; of a plugin's file its name is enough."""
    if not isinstance(value, str):
        return json.dumps(value, separators=(",", ":"))
    file, _, class_name = value.rpartition(":")
    return f"{Path(file).name}:{class_name}" if file.endswith(".py") else value


def read_variant(text: str, option: str) -> tuple[str, dict[str, Any]]:
    """The name and the changes of a variant.

    Args:
        text: `NAME` or `NAME{KEY=VALUE,...}`.
        option: where it was written, for messages.

    Raises:
        UsageError: it is written in another way.
    """
    name, brace, inside = text.partition("{")
    if not brace:
        return text, {}
    pairs = split_outside(inside.removesuffix("}"))
    if not inside.endswith("}") or not name or not pairs:
        raise UsageError(f"{option} {text}: write NAME{{KEY=VALUE,...}}, in quotes")
    return name, read_assignments(pairs, f"{option} {name}")


def read_assignments(pairs: Iterable[str], option: str) -> dict[str, Any]:
    """Read KEY=VALUE pairs; values are YAML, so that numbers, booleans and lists can be written.

    Args:
        pairs: the texts.
        option: where they were written, for messages.

    Raises:
        UsageError: one is written in another way.
    """
    settings: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"{option} {pair}: write KEY=VALUE, for example {option.partition(' ')[0]} ngf=16")
        settings[key] = read_value(value, f"{option} {pair}")
    return settings


def split_outside(text: str) -> list[str]:
    """The parts of a text between commas that stand in no brackets, without empty ones."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign in _OPENING) - (sign in _CLOSING)
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts if part.strip()]
