import json
import os

import pytest
from filelock import FileLock
from written_records import write_losses, write_result, write_score

from bench.base.errors import NotAvailable
from bench.base.home import RunFolder
from bench.base.sealed import Damaged
from bench.base.storage import write_json
from bench.features.fid_inception import FIDInception
from bench.ledger.checkpoint_files import WeightsRecord, drop_weights
from bench.ledger.folders import (
    ScoreRow,
    chosen_epochs,
    examine,
    has_all_scores,
    metric_rows,
    read_metrics,
    read_progress,
    run_scores,
    run_state,
    scores_frame,
)
from bench.ledger.scores import read_score
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.schema.protocol import MetricUse
from bench.schema.records import RunProgress


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
    write_result(folder)
    assert run_state(folder) == ("done", "")


def test_a_result_remembers_the_code_of_every_part(folder):
    assert not examine(folder).is_older_code
    result = write_result(folder)
    assert not examine(folder).is_older_code
    part = result.parts[0]
    write_result(folder, parts=[part.model_copy(update={"to_step": 3, "code": "another"}), part])
    assert examine(folder).is_older_code
    write_result(folder, code="another")
    assert examine(folder).is_older_code


@pytest.mark.parametrize("content", ["", "[]", '{"x": 1}', '{"code": "a", "steps": 8}', "\ud800"])
def test_a_damaged_result_counts_as_not_finished_and_is_named(folder, content):
    folder.result.write_bytes(content.encode("utf-8", "surrogatepass"))
    state, reason = run_state(folder)
    assert state == "not run"
    assert reason.startswith(f"{folder.result}: ")
    assert reason.endswith("run the command that started it again, which finishes it anew")
    assert examine(folder).problems == [reason]
    assert not examine(folder).is_older_code


def test_places_that_hold_no_file_are_named_too(folder):
    folder.result.mkdir()
    folder.metrics.mkdir()
    (folder.scores / "0.json").mkdir(parents=True)
    folder.progress.mkdir()
    os.mkfifo(folder.error)
    assert run_state(folder) == (
        "failed",
        f"{folder.error}: cannot be read (is no regular file); log.txt beside it says why the run failed",
    )
    assert [line.partition(": ")[0] for line in examine(folder).problems] == [
        str(folder.result),
        str(folder.scores / "0.json"),
    ]
    with pytest.raises(Damaged, match=r"metrics\.jsonl: cannot be read \(is no regular file\)"):
        metric_rows(folder)


def old_result(folder, **changes) -> None:
    content = {"key": folder.key, "code": "a", "train_seconds": 2.5, "steps": 16, "scored_epochs": [4], "device": "cpu",
               "parameters": {"G": 1}, "versions": {"torch": "2"}}  # fmt: skip
    write_json(folder.result, content | changes)
    folder.metrics.write_text('{"step": 16, "epoch": 4, "G": 0.5}\n')


def test_a_result_of_a_time_before_seals_is_read_and_said_to_have_none(folder):
    old_result(folder)
    found = examine(folder)
    assert (found.problems, found.has_no_seal, found.result.train_seconds) == ([], True, 2.5)
    write_result(folder)
    assert not examine(folder).has_no_seal


@pytest.mark.parametrize(
    "change",
    [{"train_seconds": float("nan")}, {"train_seconds": True}, {"train_seconds": "12"}, {"train_seconds": 1e300},
     {"steps": 0}, {"steps": None}, {"key": "cut-4567"}, {"losses": None}, {"format": 2}, {"other": 1}],
)  # fmt: skip
def test_a_result_of_a_time_before_seals_holds_what_results_did(folder, change):
    old_result(folder, **change)
    (problem,) = examine(folder).problems
    assert problem.startswith(f"{folder.result}: ")


@pytest.mark.parametrize("line", [b"\xff\xfe", b"[]", b"5", b'{"a": 1}', b'{"step": 1, "ep'])
def test_a_damaged_line_of_losses_is_named(folder, line):
    folder.metrics.write_bytes(b'{"step": 1, "epoch": 1}\n' + line + b'\n{"step": 3, "epoch": 1}\n')
    with pytest.raises(Damaged, match=r"metrics\.jsonl: line 2 is damaged; weights and scores are not affected"):
        metric_rows(folder)


ROWS = [{"step": step, "epoch": 1, "G": 1 / step} for step in range(1, 17)]


def test_a_finished_runs_losses_are_all_there(folder):
    write_result(folder, losses=write_losses(folder, ROWS))
    write_losses(folder, ROWS)
    assert metric_rows(folder) == ROWS
    write_losses(folder, ROWS[:-1])  # cut at the end of a line
    with pytest.raises(Damaged, match=r"metrics\.jsonl: has 15 rows that are not the 16 that the run wrote; weights"):
        metric_rows(folder)
    assert len(examine(folder).problems) == 1
    old_result(folder)
    folder.metrics.write_text('{"step": 15, "epoch": 4, "G": 0.5}\n')
    with pytest.raises(Damaged, match=r"metrics\.jsonl: does not end with step 16, the run's last"):
        metric_rows(folder)


def test_no_row_of_losses_is_changed_lost_or_added_unseen(folder):
    write_losses(folder, ROWS)
    lines = folder.metrics.read_bytes().splitlines(keepends=True)
    spoiled = {
        "changed": [*lines[:5], lines[5].replace(b"0.1", b"0.2"), *lines[6:]],
        "lost": [*lines[:5], *lines[6:]],
        "added": [*lines[:5], b'{"step": 6, "epoch": 1, "G": 0.5}\n', *lines[5:]],
        "unlinked": [*lines[:5], json.dumps(ROWS[5]).encode() + b"\n", *lines[6:]],
    }
    for content in spoiled.values():
        folder.metrics.write_bytes(b"".join(content))
        with pytest.raises(Damaged, match=r"metrics\.jsonl: line (6|7) is (not what was written|damaged)"):
            metric_rows(folder)
    folder.path.rename(folder.path.with_name("cut-4567"))  # another run's
    with pytest.raises(Damaged, match=r"line 1 is not what was written"):
        metric_rows(RunFolder(folder.path.with_name("cut-4567")))


def scores(*rows: tuple[int, str, float | None]) -> list[ScoreRow]:
    return [
        ScoreRow(epoch, split, "FID", "", "failed" if value is None else "done", "", value)
        for epoch, split, value in rows
    ]


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


def test_the_later_of_equally_good_checkpoints_is_chosen():
    equal = [(epoch, split, 5.0) for epoch in (2, 4, 6) for split in ("validation", "test")]
    assert chosen_epochs(scores(*equal), "FID", False) == {"last": 6, "best-on-validation": 6, "best-on-test": 6}


def test_a_rule_that_has_not_seen_every_checkpoint_picks_none():
    partial = [*EVERYWHERE, (8, "validation", None), (8, "test", 50.0)]
    assert chosen_epochs(scores(*partial), "FID", False) == {"last": 8, "best-on-test": 4}


def test_scores_are_read_back_or_said_to_be_missing(toys):
    grid = Grid(toys.home)
    key = grid.add_run(resolve(toys.method, toys.protocol, "smoke"), 0)
    spec, run = grid.runs[key], toys.home.run(key)
    use = spec.evaluation.metrics[0]
    splits = ("train", "validation", "test")
    rows = run_scores(run, spec, splits)
    places = [(epoch, split) for epoch in (2, 4) for split in ("validation", "test")]
    assert [(row.epoch, row.split) for row in rows] == places
    assert {(row.metric, row.state, row.reason) for row in rows} == {(use.metric, "not run", "")}
    assert not has_all_scores(run, spec, splits)
    for epoch in spec.scored_epochs:
        for split in ("validation", "test"):
            write_score(run, spec, epoch, split, use, float(epoch))
    frame = scores_frame(run, spec, splits)
    assert list(frame[frame["split"] == "test"]["value"]) == [2.0, 4.0]
    assert has_all_scores(run, spec, splits)

    score = write_score(run, spec, 4, "test", use, 4.0)
    score.write_text(score.read_text().replace('"value": 4.0', '"value": 5.0'))
    assert not has_all_scores(run, spec, splits)  # so that it is measured anew
    assert read_score(run, score.stem) is None
    (row,) = [row for row in run_scores(run, spec, ("test",)) if row.epoch == 4]
    assert (row.state, row.value, row.has_seal) == ("not run", None, None)
    assert row.reason.startswith(f"{score}: is not what was written of {key}, score {score.stem}")


@pytest.mark.parametrize(("state", "complete"), [("failed", False), ("not available", True)])
def test_a_failed_score_is_tried_again_one_that_cannot_be_had_is_not(toys, state, complete):
    grid = Grid(toys.home)
    key = grid.add_run(resolve(toys.method, toys.protocol, "paper"), 0)
    spec, run = grid.runs[key], toys.home.run(key)
    for split in ("validation", "test"):
        write_score(run, spec, 4, split, spec.evaluation.metrics[0], None, state=state, reason="because")
    rows = run_scores(run, spec, ("validation", "test"))
    assert [(row.state, row.reason, row.value) for row in rows] == [(state, "because", None)] * 2
    assert has_all_scores(run, spec, ("train", "validation", "test")) is complete


def test_losses_are_read_up_to_an_unfinished_line(folder):
    assert read_metrics(folder).empty
    folder.metrics.write_text('{"step": 1, "epoch": 1, "G": 2.5}\n{"step": 2, "epoch": 1, "G": 2.25}\n{"step": 3, "G"')
    assert list(read_metrics(folder)["G"]) == [2.5, 2.25]


@pytest.mark.parametrize(
    "progress", [{"step": 3}, {"total_steps": 8}, {"step": "3", "total_steps": 8}, {"step": 3.0, "total_steps": "8"}]
)
def test_progress_that_does_not_say_both_numbers_is_none(folder, progress):
    write_json(folder.progress, progress)
    assert run_state(folder) == ("not run", "")


def test_what_could_not_be_measured_is_wanted_once_its_network_is_here(toys):
    grid = Grid(toys.home)
    key = grid.add_run(resolve(toys.method, toys.protocol, "paper"), 0)
    spec, run = grid.runs[key], toys.home.run(key)
    uses = [*spec.evaluation.metrics, MetricUse(metric="FD-EffLite0"), MetricUse(metric="FID")]
    spec = spec.model_copy(update={"evaluation": spec.evaluation.model_copy(update={"metrics": uses})})
    colour, embedded, fid = uses
    write_score(run, spec, 4, "test", colour, 1.0)
    write_score(run, spec, 4, "test", embedded, 1.0)
    write_score(run, spec, 4, "test", fid, None, state="not available", reason="no weights")
    assert has_all_scores(run, spec, ("test",))  # FID's network is not here
    write_score(run, spec, 4, "test", embedded, None, state="not available", reason="no weights")
    assert not has_all_scores(run, spec, ("test",))  # the embedded one is


def test_what_lacks_its_weights_is_wanted_once_they_lie_in_the_homes_folder(toys, monkeypatch):
    def check(extractor):
        if not (extractor.weights / "official.pth").exists():
            raise NotAvailable("no weights")

    monkeypatch.setattr(FIDInception, "check", check)
    toys.edit(metrics=[{"metric": "FID"}], select_by="FID")
    grid = Grid(toys.home)
    key = grid.add_run(resolve(toys.method, toys.protocol, "paper"), 0)
    spec, run = grid.runs[key], toys.home.run(key)
    write_score(run, spec, 4, "test", spec.evaluation.metrics[0], None, state="not available", reason="no weights")
    assert has_all_scores(run, spec, ("test",))
    toys.home.weights.mkdir()
    (toys.home.weights / "official.pth").touch()
    assert not has_all_scores(run, spec, ("test",))


def test_a_score_whose_checkpoint_is_gone_cannot_be_had_and_says_why(toys):
    grid = Grid(toys.home)
    key = grid.add_run(resolve(toys.method, toys.protocol, "smoke"), 0)
    spec, run = grid.runs[key], toys.home.run(key)
    run.checkpoints.mkdir(parents=True)
    drop_weights(run.checkpoints, WeightsRecord(run=key, sha256="0" * 64, epoch=2), "--keep last")
    rows = run_scores(run, spec, ("test",))
    assert [(row.epoch, row.state) for row in rows] == [(2, "not available"), (4, "not run")]
    assert rows[0].reason.startswith("the checkpoint of epoch 2 is gone (--keep last); ")
    write_score(run, spec, 2, "test", spec.evaluation.metrics[0], 5.0)  # measured while it was there
    assert [row.state for row in run_scores(run, spec, ("test",))] == ["done", "not run"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"step": 3, "format": 2}'])
def test_progress_that_cannot_be_read_is_none(folder, content):
    folder.progress.write_text(content)
    assert read_progress(folder) == RunProgress()
    assert run_state(folder) == ("not run", "")
