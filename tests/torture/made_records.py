"""Records of a run that nobody trained, for readers to be tried on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trials import Reader, as_json

from bench.base.home import RunFolder
from bench.base.sealed import Record, sealed
from bench.schema.run_spec import RunSpec, code_hash

KEY = "cut-0123456789abcdef"
SPEC = RunSpec.model_validate(
    {
        "method": "cut",
        "label": "cut",
        "revisions": {"cut": 1, "patchnce": 1},
        "config": {"lr": 2e-4, "n_epochs": 2, "n_epochs_decay": 2, "loss": "patchnce", "nce_layers": [0, 4, 8]},
        "data": {"family": "folder", "name": "toys", "validation": 2},
        "fingerprint": "0" * 64,
        "seed": 0,
        "evaluation": {
            "metrics": [{"metric": "FD-EffLite0"}, {"metric": "L1"}], "select_by": "FD-EffLite0", "counts": "last",
            "scored_checkpoints": 2, "test_images": 4, "validation_images": None,
        },
        "asked_by": ["toys@1 at smoke"],
        "task": "unpaired_translation",
    }
)  # fmt: skip
CELLS: list[dict[str, Any]] = [
    {
        "paper": "p", "table": "main", "row": "CUT", "column": "c", "method": "cut", "protocol": "horse2zebra@1",
        "ran_as": "earth-relief2sat@2", "scale": "smoke", "metric": "FID", "scored_as": "FD-EffLite0",
        "higher_is_better": False, "published": 45.5, "state": "done", "comparability": "stand-in",
        "measured": {
            "last": {
                "metric": "FD-EffLite0", "checkpoint": "last", "values": {"0": 286.5}, "score_keys": {"0": "a" * 24},
                "mean": 286.5, "interval": {"low": 1.0, "high": 2.0, "kind": "seeds", "method": "t"}, "ceiling": None,
                "verdict": None, "level": 0.95,
            }
        },
        "extra": {}, "train_keys": {"0": KEY}, "device": "cpu",
    }
]  # fmt: skip
_PART = {
    "from_step": 0, "to_step": 8, "code": code_hash(), "versions": {"torch": "2"}, "device": "cpu", "threads": 1,
    "started": 1.0,
}  # fmt: skip
_MADE: dict[str, dict[str, Any]] = {
    "result": {
        "format": 2, "key": KEY, "steps": 8, "train_seconds": 1.5, "scored_epochs": [2, 4], "parameters": {"G": 12},
        "code": code_hash(), "versions": {"torch": "2"}, "device": "cpu", "card": "", "driver": "", "threads": 1,
        "parts": [_PART], "losses": {"rows": 1, "sha256": "0" * 64}, "time": 1.0,
    },
}  # fmt: skip


def made(kind: str) -> dict[str, Any]:
    """The content of a record, without its seal."""
    return _MADE[kind]


def in_run(name: str, content: dict[str, Any], model: type[Record], kind: str) -> Reader:
    """A reader of a sealed record in a run's folder."""

    def forge(content: dict[str, Any]) -> bytes:
        return as_json(sealed(kind, KEY, {key: value for key, value in content.items() if key != "seal"}))

    def read(path: Path) -> Record | None:
        return model.read(path, RunFolder(path.parent).key)

    return Reader(read, forge(content), f"{KEY}/{name}", forge=forge, names_file=True)
