"""What earlier commands remembered of plans, in the user's cache."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel
from trials import Reader, Trials

from bench.plan import memory


class Answer(BaseModel):
    bytes: int
    names: list[str]


def test_remembered_plans(trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that cannot be read is asked for again."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(trials.folder / "cache"))
    asked = Answer(bytes=7, names=["asked"])

    def ask() -> tuple[Answer, bool]:
        return asked, True

    memory.remembered({"q": 1}, Answer, ask)
    (path,) = (trials.folder / "cache").rglob("*.json")

    def read(file: Path) -> Answer:
        return memory.remembered({"q": 1}, Answer, ask)

    name = str(path.relative_to(trials.folder))
    trials.withstands(Reader(read, path.read_bytes(), name, lambda found, good: isinstance(found, Answer)))
