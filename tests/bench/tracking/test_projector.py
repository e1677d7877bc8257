import json
import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from bench.base.errors import UsageError
from bench.base.home import Home
from bench.base.storage import read_json
from bench.tracking.address import TrackingDown, TrackingUnusable
from bench.tracking.last_pass import read_last_pass
from bench.tracking.projector import Projector
from bench.tracking.shown import FILES_TAG


def attached(board, key):
    return {file.path for file in board.client.list_artifacts(board.mlflow_run(key).info.run_id)}


def test_every_run_arrives_completely(board):
    keys = [board.train(seed) for seed in (0, 1)]
    report = board.project()
    assert (report.runs, report.written, report.problems) == (2, 2, [])
    for seed, key in enumerate(keys):
        board.assert_complete(key)
        run = board.mlflow_run(key)
        assert run.info.run_name == f"toy, seed {seed}"
        assert run.info.status == "FINISHED"
        assert run.data.params["lr"] == "0.05"
        assert (run.data.params["seed"], run.data.params["scale"], run.data.params["data"]) == (
            str(seed),
            "smoke",
            "toys",
        )
        assert run.data.tags["state"] == "done"
        assert run.data.tags["train_key"] == key
        assert board.client.get_experiment(run.info.experiment_id).name == "toys@1"
        dataset = run.inputs.dataset_inputs[0].dataset
        assert dataset.name == "toys"


def test_scores_stand_at_the_last_step_of_their_epoch(board):
    key = board.train()
    board.project()
    stored = {}
    for path in board.home.run(key).scores.glob("*.json"):
        score = read_json(path)
        group = {"test": "eval", "validation": "eval-validation"}[score["split"]]
        # 4 images an epoch, one a step
        stored.setdefault(f"{group}/MeanColour", []).append((score["epoch"] * 4, score["value"]))
    history = board.history(key)
    assert set(stored) == {"eval/MeanColour", "eval-validation/MeanColour"}
    assert {name: history[name] for name in stored} == {name: sorted(points) for name, points in stored.items()}


def test_files_and_the_sample_grid_are_attached(board, tmp_path):
    from PIL import Image

    key = board.train()
    board.project()
    run = board.mlflow_run(key)
    assert attached(board, key) == {"spec.json", "result.json", "samples.png"}
    grid = Image.open(board.client.download_artifacts(run.info.run_id, "samples.png", str(tmp_path)))
    assert grid.width > 3 * 112  # three test images, 16 pixels enlarged seven times
    assert grid.height > 2 * 112  # what it was given, what it made
    assert run.info.artifact_uri.startswith((board.home.root / "mlflow-artifacts").as_uri())


def test_results_without_their_data_show_the_outputs_alone(board, tmp_path):
    from PIL import Image

    key = board.train()
    shutil.rmtree(board.home.datasets)
    assert board.project().problems == []
    run = board.mlflow_run(key)
    grid = Image.open(board.client.download_artifacts(run.info.run_id, "samples.png", str(tmp_path)))
    assert grid.width > 3 * 112
    assert 112 < grid.height < 2 * 112


def test_nothing_is_written_twice(board):
    key = board.train()
    projector = Projector(board.home, board.uri)
    assert projector.project().points > 0
    before = board.history(key)
    assert projector.project().written == 0
    again = board.project()
    assert (again.written, again.points) == (0, 0)
    assert board.history(key) == before
    # not even if the run has to be looked at again
    os.utime(board.home.run(key).spec)
    assert (board.project().written, board.history(key)) == (1, before)


def test_a_curve_grows_and_a_resumed_run_is_not_written_twice(board):
    key = board.train(stop_after=7)
    projector = Projector(board.home, board.uri)
    projector.project()
    assert [step for step, _ in board.history(key)["train/G"]] == list(range(1, 8))
    # a killed process comes back from its last checkpoint: the file is cut back, its rows appear again, bit-identical
    metrics = board.home.run(key).metrics
    whole = metrics.read_bytes()
    metrics.write_bytes(b"".join(whole.splitlines(keepends=True)[:4]))
    assert projector.project().points == 0
    metrics.write_bytes(whole)
    board.train()
    assert projector.project().points > 0
    assert [step for step, _ in board.history(key)["train/G"]] == list(range(1, 17))
    board.assert_complete(key)


def test_a_killed_run_is_closed_and_opened_again(board):
    key = board.train(stop_after=5)
    board.project()
    assert board.mlflow_run(key).info.status == "KILLED"
    assert board.mlflow_run(key).info.end_time is not None
    with FileLock(board.home.run(key).lock):  # its process is alive
        board.project()
        assert board.mlflow_run(key).info.status == "RUNNING"
    board.project()
    assert board.mlflow_run(key).info.status == "KILLED"
    board.train()
    board.project()
    assert board.mlflow_run(key).info.status == "FINISHED"
    board.assert_complete(key)


def test_a_failed_run_says_why(board):
    key = board.plan()
    folder = board.home.run(key)
    folder.error.write_text(json.dumps({"message": "loss G is not finite at step 3"}))
    board.project()
    run = board.mlflow_run(key)
    assert (run.info.status, run.data.tags["state"]) == ("FAILED", "failed")
    assert run.data.tags["reason"] == "loss G is not finite at step 3"
    assert "error.json" in attached(board, key)
    folder.error.unlink()
    board.train()
    board.project()
    assert "reason" not in board.mlflow_run(key).data.tags
    assert attached(board, key) == {"spec.json", "result.json", "samples.png"}
    assert "error.json" not in board.mlflow_run(key).data.tags[FILES_TAG]


def test_a_run_that_has_not_begun_is_not_shown(board):
    board.plan()
    assert board.project().runs == 0


def test_a_damaged_folder_keeps_no_other_run_from_being_shown(board):
    broken, key = board.plan(seed=1), board.train()
    board.home.run(broken).spec.write_text("{")
    (board.home.root / "tables" / "x").mkdir(parents=True)
    (board.home.root / "tables" / "x" / "cells.json").write_text('{"cells": []}')
    report = board.project()
    assert len(report.problems) == 2
    assert str(board.home.run(broken).spec) in "".join(report.problems)
    board.assert_complete(key)


def test_a_half_written_last_line_waits(board):
    key = board.train(stop_after=5)
    metrics = board.home.run(key).metrics
    whole = metrics.read_bytes()
    metrics.write_bytes(whole[:-9])
    board.project()
    assert [step for step, _ in board.history(key)["train/G"]] == [1, 2, 3, 4]
    metrics.write_bytes(whole)
    board.project()
    board.assert_complete(key)


def test_a_lost_database_is_made_anew_from_the_run_folders(board, empty_database):
    key = board.train()
    board.project()
    before = board.history(key)
    board.home.mlflow_database.unlink()
    shutil.copy(empty_database, board.home.mlflow_database)
    board.project()
    assert board.history(key) == before


def made_by_another(board):
    last = read_last_pass(board.home, board.uri)
    last.model_copy(update={"writer": "elsewhere 1 1"}).write(board.home, board.uri)


def test_two_projectors_take_turns(board):
    key = board.train(stop_after=5)
    one, two = Projector(board.home, board.uri), Projector(board.home, board.uri)
    one.project()
    # `two` stands for another process
    made_by_another(board)
    assert two.project().points == 0
    board.train()
    two.project()
    made_by_another(board)
    assert one.project().points == 0
    board.assert_complete(key)


def test_a_place_that_is_down_loses_nothing(board, tmp_path, empty_database):
    key = board.train()
    place = tmp_path / "elsewhere"
    place.touch()  # no folder, as a network disk that is not mounted is none
    projector = Projector(board.home, f"sqlite:///{place}/mlflow.db")
    with pytest.raises(TrackingUnusable, match="elsewhere: cannot be written"):
        projector.project()
    place.unlink()
    place.mkdir()
    shutil.copy(empty_database, place / "mlflow.db")
    assert projector.project().runs == 1
    board.uri = projector.uri
    board.assert_complete(key)


def test_a_server_that_is_down_is_found_out_quickly(board, free_port):
    import time

    board.train()
    started = time.monotonic()
    with pytest.raises(TrackingDown, match="refused"):
        Projector(board.home, f"http://127.0.0.1:{free_port()}").project()
    assert time.monotonic() - started < 30


def test_a_wrong_address_says_how_to_write_one(board):
    with pytest.raises(UsageError, match=r"--tracking-uri foo://bar: write sqlite:///FILE"):
        Projector(board.home, "foo://bar").project()


def test_moved_results_say_how_to_make_the_database_anew(board, tmp_path):
    board.train()
    board.project()
    moved = tmp_path / "moved"
    shutil.move(board.home.root, moved)
    home = Home.open(moved, board.home.datasets)
    board.home = home
    with pytest.raises(TrackingUnusable, match=r"was made when the results were elsewhere.*run `contrastbench sync`"):
        Projector(home, f"sqlite:///{home.mlflow_database}").project()


def test_two_results_roots_share_an_address(board, tmp_path):
    key = board.train()
    other = Home.open(tmp_path / "other", board.home.datasets)
    shutil.copytree(board.home.run(key).path, Path(other.run(key).path))
    board.project()
    assert Projector(other, board.uri).project().written == 1
    runs = board.client.search_runs([e.experiment_id for e in board.client.search_experiments()])
    assert len(runs) == 2
    board.train(seed=1)
    assert Projector(other, board.uri).project().written == 0
