"""What installed packages offer to contrastbench, by entry points; metadata are read once, which takes a while."""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any


def offered(group: str) -> list[EntryPoint]:
    """The entry points of one of our groups (`contrastbench.losses`, ...), sorted by name, then by place."""
    return sorted(_all(tuple(sys.path)).select(group=group), key=lambda point: (point.name, point.value))


def offered_groups() -> list[str]:
    """Every group of ours that an installed package offers something for."""
    return sorted(group for group in _all(tuple(sys.path)).groups if group.startswith("contrastbench."))


@cache
def _all(path: tuple[str, ...]) -> Any:
    return entry_points()  # its type is another one before Python 3.12; `select` and `groups` are the same
