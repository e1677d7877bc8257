import pandas as pd
import pytest
from filelock import FileLock

from bench.base.errors import BenchError
from bench.base.home import RunFolder
from bench.base.storage import write_json
from bench.ledger.folders import (
    chosen_epochs,
    has_all_scores,
    is_older_code,
    metric_rows,
    read_metrics,
    run_state,
    scores_frame,
)
from bench.ledger.scores import score_key
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.schema.run_spec import code_hash

RESULT = {"steps": 8, "train_seconds": 1.0}


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    (tmp_path / "cut-0123").mkdir()
    return RunFolder(tmp_path / "cut-0123")


def test_the_state_of_a_run_is_what_its_folder_says(folder):
    assert run_state(folder) == ("not run", "")
    write_json(folder.progress, {"phase": "starting"})
    assert run_state(folder) == ("not run", "")
    write_json(folder.progress, {"step": 3, "total_steps": 8})
    assert run_state(folder) == ("not run", "3 of 8 steps are done")
    write_json(folder.error, {"message": "loss G is not finite"})
    assert run_state(folder) == ("failed", "loss G is not finite")
    with FileLock(folder.lock):
        assert run_state(folder) == ("running", "")
    assert run_state(folder)[0] == "failed"  # the lock file stays, nobody holds it
    write_json(folder.result, RESULT | {"code": code_hash()})
    assert run_state(folder) == ("done", "")


def test_a_result_remembers_the_code_that_made_it(folder):
    assert not is_older_code(folder)
    write_json(folder.result, RESULT | {"code": code_hash()})
    assert not is_older_code(folder)
    write_json(folder.result, RESULT | {"code": "another"})
    assert is_older_code(folder)


@pytest.mark.parametrize("content", ["", "[]", '{"x": 1}', '{"code": "a", "steps": 8}'])
def test_a_damaged_result_is_none(folder, content):
    folder.result.write_text(content)
    assert run_state(folder) == ("not run", "")
    assert not is_older_code(folder)


@pytest.mark.parametrize("line", [b"\xff\xfe", b"[]", b"5", b'{"a": 1}', b'{"step": 1, "ep'])
def test_a_damaged_line_of_losses_is_named(folder, line):
    folder.metrics.write_bytes(b'{"step": 1, "epoch": 1}\n' + line + b'\n{"step": 3, "epoch": 1}\n')
    with pytest.raises(BenchError, match=r"metrics\.jsonl: line 2 is damaged; weights and scores are not affected"):
        metric_rows(folder)


def scores(*rows: tuple[int, str, float | None]) -> pd.DataFrame:
    found = pd.DataFrame(rows, columns=["epoch", "split", "value"])
    return found.assign(metric="FID", state=["done" if v == v and v is not None else "failed" for v in found["value"]])


EVERYWHERE = [(e, s, v) for e, v in ((2, 30.0), (4, 10.0), (6, 20.0)) for s in ("validation", "test")]


def test_the_checkpoint_rules():
    assert chosen_epochs(scores(*EVERYWHERE), "FID", False) == {
        "last": 6,
        "best-on-validation": 4,
        "best-on-test": 4,
    }
    assert chosen_epochs(scores(*EVERYWHERE), "FID", True)["best-on-test"] == 2
    assert chosen_epochs(scores(*EVERYWHERE), "L1", False) == {"last": 6}
    assert chosen_epochs(scores(), "FID", False) == {}


def test_a_rule_that_has_not_seen_every_checkpoint_picks_none():
    partial = [*EVERYWHERE, (8, "validation", None), (8, "test", 50.0)]
    assert chosen_epochs(scores(*partial), "FID", False) == {"last": 8, "best-on-test": 4}


def test_scores_are_read_back_or_said_to_be_missing(toys):
    grid = Grid(toys.home)
    key = grid.add_run(resolve(toys.method, toys.protocol, "smoke"), 0)
    spec, run = grid.runs[key], toys.home.run(key)
    use = spec.evaluation.metrics[0]
    splits = ("train", "validation", "test")
    assert len(scores_frame(run, spec, splits)) == 4  # two checkpoints, two splits
    assert set(scores_frame(run, spec, splits)["state"]) == {"not run"}
    assert not has_all_scores(run, spec, splits)
    for epoch in spec.scored_epochs:
        for split in ("validation", "test"):
            score = {"state": "done", "value": float(epoch), "reason": ""}
            write_json(run.scores / f"{score_key(spec, epoch, split, use)}.json", score)
    frame = scores_frame(run, spec, splits)
    assert list(frame[frame["split"] == "test"]["value"]) == [2.0, 4.0]
    assert has_all_scores(run, spec, splits)


@pytest.mark.parametrize(("state", "complete"), [("failed", False), ("not available", True)])
def test_a_failed_score_is_tried_again_one_that_cannot_be_had_is_not(toys, state, complete):
    grid = Grid(toys.home)
    key = grid.add_run(resolve(toys.method, toys.protocol, "paper"), 0)
    spec, run = grid.runs[key], toys.home.run(key)
    for split in ("validation", "test"):
        score = {"state": state, "value": None, "reason": "because"}
        write_json(run.scores / f"{score_key(spec, 4, split, spec.evaluation.metrics[0])}.json", score)
    assert has_all_scores(run, spec, ("train", "validation", "test")) is complete


def test_losses_are_read_up_to_an_unfinished_line(folder):
    assert read_metrics(folder).empty
    folder.metrics.write_text('{"step": 1, "epoch": 1, "G": 2.5}\n{"step": 2, "epoch": 1, "G": 2.25}\n{"step": 3, "G"')
    assert list(read_metrics(folder)["G"]) == [2.5, 2.25]
