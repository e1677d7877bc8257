import json
import math
import multiprocessing
import os
import random
import signal
import time
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from written_records import score_content

from bench.base.home import Home
from bench.base.randomness import Draws
from bench.base.storage import read_json
from bench.ledger.checkpoint_files import Progress, read_weights
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.plugin.discovery import load_method
from bench.run.checkpoint import Checkpoints
from bench.run.execute import execute
from bench.run.loss_log import LossLog, NonFinite
from bench.run.process import ProgressFile, run_in_child
from bench.run.train import Session, Stopped
from bench.schema.parts import Part
from bench.schema.upkeep import Upkeep

KEEP_ALL = Upkeep(keep="all", save_minutes=0.05)


def planned(toys, seed=0, **settings):
    grid = Grid(toys.home, upkeep=KEEP_ALL)
    key = grid.add_run(resolve(toys.method, toys.protocol, "smoke", settings=settings), seed)
    grid.write_specs()
    return key


def run(home: Home, key: str, stop_after: int | None = None) -> None:
    progress = ProgressFile(home.run(key))
    calls = 0

    def should_stop() -> bool:
        nonlocal calls
        calls += 1
        return stop_after is not None and calls >= stop_after

    progress.should_stop = should_stop  # type: ignore[method-assign]
    execute(home, key, progress)


def artefacts(home: Home, key: str) -> dict[str, Any]:
    """Everything a run must reproduce bit for bit: weights, losses, scores."""
    folder = home.run(key)
    files = [
        folder.metrics,
        *sorted(folder.checkpoints.glob("epoch-*.safetensors")),
    ]
    scores = {path.name: score_content(path) for path in sorted(folder.scores.glob("*.json"))}
    return scores | {path.name: path.read_bytes() for path in files}


def test_stopping_at_every_step_changes_nothing(toys, tmp_path):
    key = planned(toys)
    run(toys.home, key)
    whole = artefacts(toys.home, key)
    other = Home.open(tmp_path / "other", toys.home.datasets)
    grid = Grid(other, upkeep=KEEP_ALL)
    grid.add_run(resolve(toys.method, toys.protocol, "smoke", settings={}), 0)
    grid.write_specs()
    stops = 0
    while not other.run(key).result.exists():
        try:
            run(other, key, stop_after=3)
        except Stopped:
            stops += 1
    assert stops >= 4
    assert artefacts(other, key) == whole
    assert len(whole) == 1 + 2 * 2 + 2  # losses; 2 checkpoints x (validation, test); 2 checkpoints


def test_a_run_has_a_curve_scores_and_a_result_written_last(toys):
    key = planned(toys)
    run(toys.home, key)
    folder = toys.home.run(key)
    rows = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, 17))
    assert [row["epoch"] for row in rows] == [1] * 4 + [2] * 4 + [3] * 4 + [4] * 4
    assert len({row["G"] for row in rows}) == 16
    result = read_json(folder.result)
    assert result["steps"] == 16
    assert result["scored_epochs"] == [2, 4]
    assert result["parameters"] == {"G": 12}
    others = {"progress.json", ".lock"}
    files = [path for path in folder.path.rglob("*") if path.is_file() and path.name not in others]
    newest = max(path.stat().st_mtime_ns for path in files)
    assert folder.result.stat().st_mtime_ns == newest
    assert len(list(folder.samples("test", 4).glob("*.png"))) == 3


def parts_of(folder, epoch):
    return [
        (part.from_step, part.to_step, part.code)
        for part in read_weights(folder.checkpoints, epoch, folder.key).progress.parts
    ]


def test_each_part_of_a_resumed_training_says_what_made_it(toys, monkeypatch):
    key = planned(toys)
    for stop, code in ((3, "x"), (2, "x"), (6, "y")):
        monkeypatch.setattr("bench.schema.parts.code_hash", lambda code=code: code)
        with pytest.raises(Stopped):
            run(toys.home, key, stop_after=stop)
    folder = toys.home.run(key)
    assert parts_of(folder, 2) == [(0, 5, "x"), (5, 8, "y")]
    monkeypatch.setattr("bench.schema.parts.code_hash", lambda: "z")
    run(toys.home, key)
    expected = [(0, 5, "x"), (5, 11, "y"), (11, 16, "z")]
    assert parts_of(folder, 4) == expected
    seconds = read_json(folder.result)["train_seconds"]

    # whoever only writes the result once more, with other code, trains nothing
    monkeypatch.setattr("bench.schema.parts.code_hash", lambda: "later")
    folder.result.unlink()
    run(toys.home, key)
    assert parts_of(folder, 4) == expected
    assert read_json(folder.result)["train_seconds"] == seconds > 0


def test_a_session_tells_its_parts_and_the_seconds_where_no_state_is_left(toys, tmp_path):
    method = load_method(toys.method)(load_method(toys.method).Config(n_epochs=1, n_epochs_decay=0), Draws(0))
    part = Part(from_step=0, to_step=4, code="x", versions={}, device="cpu", threads=1, started=1.0)
    checkpoints = Checkpoints(tmp_path, print, "toy-1")
    checkpoints.save_weights(method, 1, Progress(seconds=2.5, parts=[part]))
    images = SimpleNamespace(total_steps=4, steps_per_epoch=4)
    listener = SimpleNamespace(kept=lambda epoch: None)
    session = Session(method, images, Draws(0), checkpoints, LossLog(tmp_path / "log"), [1], listener)
    assert (session.run(), session.parts, session.step) == (2.5, [part], 4)


@pytest.mark.parametrize(
    ("save_seconds", "cost", "saves"),
    [(0.0, 0.0, True), (100.0, 0.0, False), (0.0, 10.0, False), (0.0, 0.5, True), (100.0, 0.5, False)],
)
def test_a_state_is_saved_as_often_as_is_asked_and_takes_two_percent_of_the_time(
    toys, tmp_path, save_seconds, cost, saves
):
    images = SimpleNamespace(total_steps=4, steps_per_epoch=4)
    nothing = SimpleNamespace()
    log = LossLog(tmp_path / "log")
    session = Session(nothing, images, Draws(0), nothing, log, [1], nothing, save_seconds=save_seconds)
    session._last_save, session._save_cost = time.monotonic() - 50, cost
    assert session._save_is_due is saves


def test_a_short_run_writes_no_state_unless_it_is_stopped(toys, monkeypatch):
    saved = []
    monkeypatch.setattr(Checkpoints, "save_state", lambda self, method, step, progress: saved.append(step))
    key = planned(toys)
    toys.home.run(key).upkeep.unlink()
    run(toys.home, key)
    assert saved == []
    with pytest.raises(Stopped):
        run(toys.home, planned(toys, lr=0.25), stop_after=3)
    assert saved == [3]


def test_the_decay_phase_lowers_the_learning_rate(toys):
    key = planned(toys)
    with pytest.raises(Stopped):
        run(toys.home, key, stop_after=15)
    states = sorted(toys.home.run(key).checkpoints.glob("state-*.json"))
    assert read_json(states[-1])["schedulers"]["G"]["_last_lr"] == [0.05 * (1 - 1 / 10)]


def test_a_non_finite_loss_ends_the_run_naming_step_and_loss_and_keeps_the_last_good_checkpoint(toys):
    key = planned(toys, explode_at=9)
    with pytest.raises(NonFinite, match=r"loss G is not finite at step 9"):
        run(toys.home, key)
    folder = toys.home.run(key)
    assert not folder.result.exists()
    weights = load_file(folder.checkpoints / "epoch-000002.safetensors")
    assert all(math.isfinite(value) for tensor in weights.values() for value in tensor.flatten().tolist())
    for path in folder.checkpoints.glob("*.safetensors"):
        assert all(bool(t.isfinite().all()) for t in load_file(path).values())


@pytest.mark.parametrize("place", ["kept", "saved"])
def test_weights_that_are_not_finite_are_neither_kept_nor_saved(toys, tmp_path, place):
    """The losses may be finite when a weight is not: one that no loss reads, or the last update's."""
    method = load_method(toys.method)(load_method(toys.method).Config(n_epochs=1, n_epochs_decay=0), Draws(0))
    with torch.no_grad():
        next(method.parameters()).fill_(math.nan)
    kept = []
    checkpoints = SimpleNamespace(
        save_weights=lambda *_: kept.append("weights"), save_state=lambda *_: kept.append("state")
    )
    images = SimpleNamespace(total_steps=4, steps_per_epoch=4)
    session = Session(method, images, Draws(0), checkpoints, LossLog(tmp_path / "log"), [1], SimpleNamespace())
    with pytest.raises(
        NonFinite, match=r"weight netG\..* is not finite after step 0; the last good checkpoint is kept"
    ):
        session._keep(1) if place == "kept" else session._save()
    assert kept == []


def test_a_damaged_state_is_reported_and_the_one_before_it_used(toys, capfd):
    key = planned(toys)
    folder = toys.home.run(key)
    run(toys.home, key)
    whole = artefacts(toys.home, key)
    folder.result.unlink()
    for path in [*folder.scores.iterdir(), *folder.checkpoints.iterdir()]:
        path.unlink()
    for stop in (5, 3):  # states at steps 5 and 8
        with pytest.raises(Stopped):
            run(toys.home, key, stop_after=stop)
    newest = max(folder.checkpoints.glob("state-*.safetensors"))
    data = bytearray(newest.read_bytes())
    data[-1] ^= 1
    newest.write_bytes(data)
    run(toys.home, key)
    assert "checkpoint is damaged" in capfd.readouterr().out
    assert artefacts(toys.home, key) == whole


def test_damaged_kept_weights_are_made_again(toys, capfd):
    key = planned(toys)
    folder = toys.home.run(key)
    run(toys.home, key)
    whole = artefacts(toys.home, key)
    (folder.checkpoints / "epoch-000002.safetensors").write_bytes(b"not a checkpoint")
    folder.result.unlink()
    run(toys.home, key)
    assert "it will be made again" in capfd.readouterr().out
    assert artefacts(toys.home, key) == whole


def test_a_lost_metrics_file_is_an_error_that_says_what_to_do(toys):
    from bench.base.errors import BenchError

    key = planned(toys)
    with pytest.raises(Stopped):
        run(toys.home, key, stop_after=6)
    toys.home.run(key).metrics.unlink()
    with pytest.raises(BenchError, match=r"metrics\.jsonl: shorter than its checkpoint says; remove the run's folder"):
        run(toys.home, key)


CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["bench.run.preload"])


def start(home: Home, key: str) -> multiprocessing.process.BaseProcess:
    child = CONTEXT.Process(target=run_in_child, args=(str(home.root), str(home.datasets), key))
    child.start()
    return child


def ended(child: multiprocessing.process.BaseProcess) -> int | None:
    child.join(300)
    return child.exitcode


def test_sigterm_saves_the_state_and_sigkill_loses_nothing(toys, tmp_path, monkeypatch):
    """A run killed at random moments, in its own process, ends bit-identical to one that was left alone."""
    settings = {"stall": 0.15, "images_per_epoch": 12}  # 48 steps; three attempts come to about half of them
    key = planned(toys, **settings)
    folder = toys.home.run(key)
    rng = random.Random(0)
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
        child = start(toys.home, key)
        before = (read_json(folder.progress) or {}).get("step", 0)
        deadline = time.monotonic() + 300
        while (read_json(folder.progress) or {}).get("step", 0) <= before and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(rng.random() * 0.5)
        os.kill(child.pid, number)
        assert ended(child) == (3 if number == signal.SIGTERM else -signal.SIGKILL)
    assert ended(start(toys.home, key)) == 0
    killed = artefacts(toys.home, key)

    other = Home.open(tmp_path / "other", toys.home.datasets)
    grid = Grid(other, upkeep=KEEP_ALL)
    assert grid.add_run(resolve(toys.method, toys.protocol, "smoke", settings=settings), 0) == key
    grid.write_specs()
    run(other, key)
    assert artefacts(other, key) == killed


def test_a_full_disk_is_one_clear_line(toys, monkeypatch):
    import errno

    from bench.base.errors import BenchError

    key = planned(toys)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("bench.run.checkpoint.save_file", full)
    with pytest.raises(BenchError, match=r"the disk is full; free some space and run the same command again"):
        run(toys.home, key)


def test_stopping_within_a_window_of_losses_changes_nothing(toys, tmp_path, monkeypatch):
    """A long run writes a row for many steps; those that are done are in the state."""
    monkeypatch.setattr("bench.run.train.LOG_ROWS", 4)
    key = planned(toys)
    run(toys.home, key)
    whole = toys.home.run(key).metrics.read_bytes()
    assert [json.loads(line)["step"] for line in whole.splitlines()] == [4, 8, 12, 16]
    other = Home.open(tmp_path / "other", toys.home.datasets)
    grid = Grid(other, upkeep=KEEP_ALL)
    grid.add_run(resolve(toys.method, toys.protocol, "smoke", settings={}), 0)
    grid.write_specs()
    for at in (3, 6):
        with pytest.raises(Stopped, match=f"^stopped at step {at} of 16; run the same command to go on$"):
            run(other, key, stop_after=3)
    run(other, key)
    assert other.run(key).metrics.read_bytes() == whole


def test_seconds_are_those_of_all_steps(toys, monkeypatch):
    ticks = iter(range(1000))
    monkeypatch.setattr("bench.run.train.time.perf_counter", lambda: float(next(ticks)))
    key = planned(toys)
    with pytest.raises(Stopped):
        run(toys.home, key, stop_after=3)
    run(toys.home, key)
    assert (
        read_json(toys.home.run(key).result)["train_seconds"] == 16.0
    )  # one from the beginning to the end of each step


def test_what_saving_costs_is_measured(toys, tmp_path, monkeypatch):
    method = load_method(toys.method)(load_method(toys.method).Config(n_epochs=1, n_epochs_decay=0), Draws(0))
    images = SimpleNamespace(total_steps=4, steps_per_epoch=4)
    checkpoints = SimpleNamespace(save_state=lambda *_: None)
    session = Session(method, images, Draws(0), checkpoints, LossLog(tmp_path / "log"), [1], SimpleNamespace())
    moments = iter([100.0, 103.0])
    monkeypatch.setattr("bench.run.train.time.monotonic", lambda: next(moments))
    session._save()
    assert (session._save_cost, session._last_save) == (3.0, 103.0)
