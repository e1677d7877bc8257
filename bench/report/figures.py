"""Figures of the page, each drawn once however many cells refer to it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from bench.report.drawn import drawn

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class StoredFigure:
    """A figure: its name in the page, its box and width, its alternative text, and its content, which is there once."""

    name: str
    box: str
    width: int
    label: str
    content: Markup


class Figures:
    """Collects figures while a page is put together; equal figures are drawn once."""

    def __init__(self) -> None:
        self._stored: dict[Hashable, StoredFigure] = {}

    def add(self, identity: Hashable, shows: Any, draw: Callable[[], tuple[Figure | None, str]]) -> StoredFigure | str:
        """Store a figure.

        Args:
            identity: equal for equal figures.
            shows: everything that decides what is drawn, as JSON.
            draw: makes the figure and says what it shows; without one, why there is none. Not called if an equal figure is
                stored, or was drawn for an earlier page.

        Returns:
            The stored figure, by which the page refers to it; or why there is none.
        """
        if identity not in self._stored:
            name = f"f-{hashlib.sha256(repr(identity).encode()).hexdigest()[:12]}"
            figure = drawn(name, shows, draw)
            if not figure.is_there:
                return figure.label
            self._stored[identity] = StoredFigure(
                name, figure.box, round(figure.width), figure.label, Markup(figure.content)
            )
        return self._stored[identity]
