"""A report of a results root that somebody else made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from made_records import CELLS
from test_compare import FINDINGS
from trials import REFUSED, Trials, as_json, outcome, spoiled, strange

from bench.base.home import Home
from bench.base.sealed import sealed
from bench.report.contents import read_contents


def test_contents(trials: Trials) -> None:
    """One damaged file hides no other: what can be read is shown, of the rest there is a line."""
    home = Home.open(trials.folder / "home", trials.folder)
    files: dict[Path, tuple[str, dict[str, Any]]] = {
        home.table("src-hdce/main", "smoke") / "cells.json": (
            "cells",
            {"format": 2, "table": "src-hdce/main@2", "cells": CELLS},
        ),
        home.root / "comparisons" / "mine-vs-cut" / "comparison.json": ("comparison", FINDINGS),
        home.root / "comparisons" / "other" / "comparison.json": ("comparison", FINDINGS | {"name": "other"}),
    }
    whole = {path: as_json(sealed(kind, path.parent.name, content)) for path, (kind, content) in files.items()}
    for path, content in whole.items():
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    read_contents(home)

    def check(case: tuple[Path, bytes]) -> None:
        path, content = case
        path.write_bytes(content)
        found = outcome(lambda _: read_contents(home), Path())
        path.write_bytes(whole[path])
        assert found is not REFUSED
        shown = {findings.name for findings in found.comparisons}
        assert shown | {path.parent.name} >= {"mine-vs-cut", "other"}
        trials.counts["shown without it, and said" if found.problems else "shown"] += 1

    def forged(path: Path) -> st.SearchStrategy[bytes]:
        kind, content = files[path]
        return strange(content).map(
            lambda changed: as_json(sealed(kind, path.parent.name, changed)) if _is_json(changed) else b""
        )

    cases = st.sampled_from(sorted(whole)).flatmap(
        lambda path: st.tuples(st.just(path), spoiled(whole[path]) | forged(path))
    )
    trials.try_all(cases, check)


def _is_json(content: dict[str, Any]) -> bool:
    try:
        sealed("", "", content)
    except ValueError:  # NaN, which no seal is over
        return False
    return True
