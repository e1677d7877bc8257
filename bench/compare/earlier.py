"""Comparisons that earlier versions wrote, as they are written now."""

from __future__ import annotations

import re
from typing import Any

_LINE = re.compile(r"(?P<setting>\S+) (?P<own>.*) \(candidate: (?P<first>.*)\)", re.DOTALL)


def of_format_2(values: dict[str, Any]) -> dict[str, Any]:
    """A `comparison.json` of format 2, or of the one before, as format 3; what is damaged stays so, to be refused.

    It had one candidate, the first contender, and differences as lines of text.
    """
    contenders, duels = _objects(values.get("contenders")), _objects(values.get("duels"))
    if not contenders or duels is None:
        return values
    return values | {
        "format": 3,
        "order": list(values["metrics"]) if isinstance(values.get("metrics"), dict) else [],
        "select_by": "",
        "contenders": [
            contender | {"is_candidate": place == 0, "differences": _differences(contender.get("differences"))}
            for place, contender in enumerate(contenders)
        ],
        "duels": [duel | {"candidate": contenders[0].get("label")} for duel in duels],
    }


def _objects(values: Any) -> list[dict[str, Any]] | None:
    """A list of objects; None for anything else."""
    return values if isinstance(values, list) and all(isinstance(value, dict) for value in values) else None


def _differences(lines: Any) -> Any:
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        return lines
    return [match.groupdict() for line in lines if (match := _LINE.fullmatch(line))]
