"""The files that say what came of a finished run, read once, whole: what is checked and hashed are the same bytes."""

from __future__ import annotations

import os
from typing import NamedTuple

from bench.base import sealed
from bench.base.checked import stamp
from bench.base.home import RunFolder
from bench.base.leftovers import names_in
from bench.base.regular import read_regular
from bench.ledger import losses


class Contents(NamedTuple):
    """The content of a run's files.

    Attributes:
        result, losses: of `result.json` and `metrics.jsonl`; None: not read.
        scores: of the files of scores, by key, sorted.
    """

    result: bytes | None
    losses: bytes | None
    scores: dict[str, bytes]

    def stamp(self, key: str) -> bytes:
        """A hash of all of it, as the run of that key's."""
        named = [part for score in self.scores.items() for part in score]
        return stamp("finished run", key, self.result or b"", self.losses or b"", *named)


UNREAD = Contents(None, None, {})


def read_contents(folder: RunFolder) -> Contents | None:
    """Read them; None if any cannot be read, of which whoever checks them one by one says why."""
    scores = os.fspath(folder.scores)  # for a hundred thousand runs making paths takes as long as reading
    try:
        return Contents(
            read_regular(folder.result, sealed.MAX_BYTES),
            read_regular(folder.metrics, losses.MAX_BYTES),
            {key: read_regular(f"{scores}/{key}.json", sealed.MAX_BYTES) for key in score_files(folder)},
        )
    except OSError:
        return None


def score_files(folder: RunFolder) -> list[str]:
    """The keys of all scores in a run's folder, sorted."""
    return sorted(name.removesuffix(".json") for name in names_in(folder.scores) if name.endswith(".json"))
