"""Anchors of the page: readable, stable and unique."""

from __future__ import annotations

import re
import unicodedata


class Anchors:
    """Hands out anchors: the same thing always gets the same one, and no two things share one."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, ...], str] = {}
        self._taken: set[str] = set()

    def of(self, *parts: str) -> str:
        """The anchor of a thing.

        Args:
            parts: what it is, from the general to the special, such as `cell`, table, row, column.
        """
        if parts not in self._names:
            base = name = "--".join(filter(None, (_slug(part) for part in parts)))
            number = 1
            while name in self._taken:  # `SRC+hDCE` and `SRC hDCE` have the same slug
                number += 1
                name = f"{base}--{number}"
            self._names[parts] = name
            self._taken.add(name)
        return self._names[parts]


def _slug(text: str) -> str:
    plain = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
