"""The data sets that `contrastbench data prepare` knows: sources.yaml, validated. Imports neither torch nor PIL."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import Field, model_validator

from bench.base.errors import unknown_name
from bench.base.validation import Strict
from bench.schema.bounded_yaml import read_yaml

Folder = Literal["trainA", "trainB", "testA", "testB"]
FOLDERS: tuple[Folder, ...] = ("trainA", "trainB", "testA", "testB")


class Source(Strict):
    """One entry of sources.yaml, where every field is explained.

    Attributes:
        url: None where the owner wants a login; `archives` names the files it gives then, and `get` where they are.
        sha256: 64 hex digits of the archive as its owner publishes them; None if none are published.
    """

    title: str
    url: str | None = None
    archives: tuple[str, ...] = ()
    get: str = ""
    filters: bool = False
    owner: str
    licence: str
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    max_mb: int = Field(gt=0)
    folders: dict[Folder, tuple[str, ...]] = {folder: (folder,) for folder in FOLDERS}
    counts: dict[Folder, int] = {}
    counts_from: str = ""

    @model_validator(mode="after")
    def _one_way(self) -> Source:
        if bool(self.url) == bool(self.archives):
            raise ValueError("give either url or archives")
        return self

    @property
    def max_bytes(self) -> int:
        """The size limit in bytes."""
        return self.max_mb * 1_000_000


@cache
def sources() -> dict[str, Source]:
    """Every data set that can be prepared, by name."""
    entries = read_yaml(files("bench.data") / "sources.yaml")
    return {name: Source.model_validate(entry) for name, entry in sorted(entries.items())}


def source(name: str) -> Source:
    """The source of a data set.

    Raises:
        UsageError: if there is none of that name; it names the nearest.
    """
    known = sources()
    if name not in known:
        raise unknown_name("data set to prepare", name, known)
    return known[name]
