"""What a finished run left: losses, scores, the JSON halves of checkpoints, and all of it together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from made_records import KEY, SPEC, made
from trials import Reader, Trials, as_json, outcome, spoiled
from written_records import write_losses, write_result

from bench.base.home import RunFolder
from bench.base.sealed import sealed
from bench.ledger.checkpoint_files import (
    OptimizerRecord,
    Progress,
    StateRecord,
    WeightsRecord,
    _seal,
    _text,
    read_state,
    read_weights,
    write_record,
)
from bench.ledger.folders import examine, metric_rows, read_progress, run_state
from bench.ledger.losses import read_losses
from bench.ledger.scores import StoredScore, checked_score, score_identity

ROWS = [{"step": step, "epoch": 1, "G": 0.5 / step, "D": 1.0} for step in (2, 4, 6, 8)]
SCORE_KEY = "0123456789abcdef01234567"


def test_losses(trials: Trials) -> None:
    """Of a run that is not finished: rows may be missing at the end, and none is another one."""
    folder = RunFolder(trials.folder / KEY)
    write_losses(folder, ROWS)
    whole = folder.metrics.read_bytes()

    def read(path: Path) -> list[dict[str, Any]]:
        return read_losses(path, KEY)[0]

    def the_beginning(found: Any, good: Any) -> bool:
        return not found or (good is not None and found == good[: len(found)])

    trials.withstands(Reader(read, whole, f"{KEY}/metrics.jsonl", the_beginning, names_file=True))


def test_losses_of_a_finished_run(trials: Trials) -> None:
    folder = RunFolder(trials.folder / KEY)
    write_result(folder, steps=8, losses=write_losses(folder, ROWS))
    whole = write_losses(folder, ROWS) and folder.metrics.read_bytes()
    trials.withstands(
        Reader(lambda path: metric_rows(folder), whole, f"{KEY}/metrics.jsonl", lambda found, good: found == good)
    )


def test_scores(trials: Trials) -> None:
    content = {
        "format": 2, "metric": "L1", "revision": 1, "value": 0.25, "state": "done", "n_fake": 3, "n_real": 4,
        "key": SCORE_KEY,
        "run": KEY, "epoch": 4, "split": "test", "checkpoint": "0" * 64, "made": {"code": "c", "versions": {}}, "reason": "",
        "interval": {"low": 0.1, "high": 0.4, "level": 0.95, "kind": "evaluation", "method": "jackknife"},
        "settings": {"a": 1},
    }  # fmt: skip

    def forge(content: dict[str, Any]) -> bytes:
        named = {key: value for key, value in content.items() if key != "seal"}
        return as_json(sealed("score", score_identity(KEY, SCORE_KEY), named))

    def read(path: Path) -> StoredScore | None:
        return checked_score(RunFolder(path.parents[1]), SCORE_KEY)

    trials.withstands(Reader(read, forge(content), f"{KEY}/scores/{SCORE_KEY}.json", forge=forge, names_file=True))


def _forged(content: dict[str, Any]) -> bytes:
    content = {key: value for key, value in content.items() if key != "seal"}
    return _text(content | {"seal": _seal(content)}).encode()


def test_states(trials: Trials) -> None:
    progress = Progress(seconds=1.5, window_start=2, window_rows=[{"G": 0.5}], log_bytes=120)
    optimizer = OptimizerRecord(
        plain={"0": {"step": 2}}, param_groups=[{"lr": 2e-4, "betas": [0.5, 0.999], "params": [0]}]
    )
    record = StateRecord(
        run=KEY, sha256="0" * 64, tensors=["netG.weight"], step=8, progress=progress, optimizers={"G": optimizer},
        schedulers={"G": {"last_epoch": 1}},
    )  # fmt: skip
    write_record(trials.folder, record)
    path = trials.folder / f"{record.name}.json"
    trials.withstands(
        Reader(
            lambda path: read_state(path.parent, 8, KEY), path.read_bytes(), path.name, forge=_forged, names_file=True
        )
    )


def test_weights(trials: Trials) -> None:
    record = WeightsRecord(
        run=KEY, sha256="0" * 64, tensors=["netG.weight"], epoch=4, networks=["netG"], progress=Progress()
    )
    write_record(trials.folder, record)
    path = trials.folder / f"{record.name}.json"
    trials.withstands(
        Reader(
            lambda path: read_weights(path.parent, 4, KEY), path.read_bytes(), path.name, forge=_forged, names_file=True
        )
    )


def test_progress(trials: Trials) -> None:
    """No result is made of it, and what is shown of it was written."""
    content = {"pid": 12, "phase": "training", "step": 3, "total_steps": 8, "losses": {"G": 0.5}, "updated": 1.0}

    def read(path: Path) -> Any:
        return read_progress(RunFolder(path.parent))

    def forge(content: dict[str, Any]) -> bytes:
        return as_json(sealed("progress", KEY, {key: value for key, value in content.items() if key != "seal"}))

    def nothing(found: Any, good: Any) -> bool:
        return found.step is None or found == good

    trials.withstands(Reader(read, forge(content), f"{KEY}/progress.json", nothing, forge))


def test_a_whole_folder(trials: Trials) -> None:
    """Whichever file is damaged, what is said of the run is said."""
    folder = RunFolder(trials.folder / SPEC.train_key)
    write_result(folder)
    folder.scores.mkdir()
    (folder.scores / f"{SCORE_KEY}.json").write_text("{}")
    files = [folder.result, folder.metrics, folder.error, folder.scores / f"{SCORE_KEY}.json"]
    whole = {path: path.read_bytes() if path.exists() else as_json(made("result")) for path in files}
    for path in files:

        def check(content: bytes, path: Path = path) -> None:
            path.write_bytes(content)
            found = outcome(lambda _: (run_state(folder), examine(folder)), Path())
            (_, reason), examined = found
            assert all("\n" not in line for line in (reason, *examined.problems))
            json.dumps(examined.problems)

        trials.try_all(spoiled(whole[path]), check, 0.25)
        path.write_bytes(whole[path])
