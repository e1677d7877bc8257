"""Comparisons, and what was noted of their figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from made_records import CELLS, KEY
from trials import Reader, Trials, as_json

from bench.base.sealed import sealed
from bench.compare import figures
from bench.compare.findings import Findings

CONTENDER = {
    "label": "mine", "method": "cut", "config": {"lr": 0.1}, "differences": [], "deviations": [], "train_keys": {"0": KEY},
    "is_candidate": True, "problems": [], "scores": {"FD-EffLite0": CELLS[0]["measured"]},
}  # fmt: skip
FINDINGS = {
    "format": 3, "name": "mine-vs-cut", "protocol": "toys@1", "ran_as": "toys@1", "scale": "mini", "budget": "equal",
    "seeds": [0],
    "counts": "last", "order": ["FD-EffLite0"], "metrics": {"FD-EffLite0": False}, "missing": {},
    "select_by": "FD-EffLite0", "contenders": [CONTENDER, CONTENDER | {"label": "cut", "is_candidate": False}],
    "duels": [
        {"metric": "FD-EffLite0", "higher_is_better": False, "candidate": "mine", "rival": "cut", "paired": None,
        "p_holm": None, "judgement": "too few seeds"}
    ],
}  # fmt: skip


def test_comparisons(trials: Trials) -> None:
    def forge(content: dict[str, Any]) -> bytes:
        return as_json(sealed("comparison", "mine-vs-cut", {k: v for k, v in content.items() if k != "seal"}))

    name = "mine-vs-cut/comparison.json"
    trials.withstands(Reader(Findings.of_folder, forge(FINDINGS), name, forge=forge, names_file=True))
    earlier = {name: value for name, value in FINDINGS.items() if name not in ("order", "select_by")} | {"format": 2}
    trials.withstands(Reader(Findings.of_folder, forge(earlier), name, forge=forge, names_file=True))


def test_notes_of_figures(trials: Trials) -> None:
    """They never vouch for a file elsewhere."""
    (trials.folder / "a.png").write_bytes(b"a")

    def read(path: Path) -> Any:
        drawn = figures._read(path)
        if drawn is not None and drawn.stands("s", trials.folder):
            assert set(drawn.files) <= {"a.png"}
        return drawn

    sha256 = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    content = {"source": "s", "files": {"a.png": sha256}}
    trials.withstands(Reader(read, as_json(content), "figures.json", lambda found, good: True))
