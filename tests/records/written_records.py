"""Records of runs, written by hand as a run writes them: quick, and sealed."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.base.home import RunFolder
from bench.base.sealed import sealed
from bench.ledger.losses import CHAIN, LossChain
from bench.ledger.scores import StoredScore, score_identity, score_key
from bench.schema.parts import Part
from bench.schema.protocol import MetricUse
from bench.schema.records import LossSeal, Made, RunResult
from bench.schema.run_spec import RunSpec, code_hash

THIS_CODE = Made(code=code_hash(), versions={"torch": "2.15.0"})


def write_losses(folder: RunFolder, rows: Sequence[dict[str, Any]]) -> LossSeal:
    """A loss log of these rows."""
    chain, lines = LossChain(folder.key), []
    for row in rows:
        lines.append(json.dumps(row | {CHAIN: chain.link(row)}).encode() + b"\n")
        chain.add(lines[-1])
    folder.metrics.parent.mkdir(parents=True, exist_ok=True)
    folder.metrics.write_bytes(b"".join(lines))
    return chain.seal()


def write_result(folder: RunFolder, steps: int = 16, train_seconds: float = 1.0, **changes: Any) -> RunResult:
    """A finished run, with one row of losses."""
    code = changes.get("code", code_hash())
    versions = changes.get("versions", THIS_CODE.versions)
    content = {
        "key": folder.key,
        "steps": steps,
        "train_seconds": train_seconds,
        "scored_epochs": [4],
        "parameters": {"G": 12},
        "code": code,
        "versions": versions,
        "device": "cpu",
        "threads": 1,
        "parts": [Part(from_step=0, to_step=steps, code=code, versions=versions, device="cpu", threads=1, started=0.0)],
        "losses": write_losses(folder, [{"step": steps, "epoch": 4, "G": 0.5}]),
        "time": time.time(),
    }
    result = RunResult.model_validate(content | changes)
    result.write(folder.result, folder.key)
    return result


def write_score(
    folder: RunFolder, spec: RunSpec, epoch: int, split: Any, use: MetricUse, value: float | None, **changes: Any
) -> Path:
    """A score of a run, `done` unless the changes say something else; returns its file."""
    key = score_key(spec, epoch, split, use)
    content = {
        "metric": use.metric.rpartition(":")[2], "revision": 1, "value": value, "state": "done", "n_fake": 3, "n_real": 4,
        "key": key, "run": folder.key, "epoch": epoch, "split": split, "checkpoint": "0" * 64, "made": THIS_CODE,
    }  # fmt: skip
    path = folder.scores / f"{key}.json"
    StoredScore.model_validate(content | changes).write(path, score_identity(folder.key, key))
    return path


def reseal(path: Path, kind: str, identity: str, **changes: Any) -> None:
    """Change keys of a record as whoever wrote it could have: its seal fits."""
    content = json.loads(path.read_text()) | changes
    del content["seal"]
    path.write_text(json.dumps(sealed(kind, identity, content)))


def score_content(path: Path) -> dict[str, Any]:
    """What a score's file says, without when it was measured, and with it the seal."""
    return {key: value for key, value in json.loads(path.read_text()).items() if key not in ("time", "seal")}
