"""What stays of a finished run, what another run needs, and what killed processes leave."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from bench.base.errors import BenchError
from bench.base.home import Home
from bench.base.leftovers import _HOST
from bench.base.storage import read_json
from bench.ledger.checkpoint_files import read_weights
from bench.ledger.folders import scores_frame
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run.execute import execute
from bench.run.process import ProgressFile, main
from bench.run.restore import restore_method
from bench.run.retention import _kept_epochs, is_needed_whole, retire, tidy, tidy_all
from bench.schema.protocol import MetricUse
from bench.schema.run_spec import read_spec
from bench.schema.upkeep import NOTHING_SAID, Upkeep

SPLITS = ("train", "validation", "test")
TOY = (Path(__file__).parents[2] / "plugins" / "toy.py").read_text()
# a generator is all that translate() reads; `average` stands for what only training needs
SPARING = (
    '\n\nclass Sparing(Toy):\n    name = "sparing"\n    task = "unpaired_translation"\n    kept_networks = ("netG",)\n'
)


@pytest.fixture
def sparing(tmp_path) -> str:
    file = tmp_path / "sparing.py"
    file.write_text(TOY + SPARING)
    return f"{file}:Sparing"


def planned(home: Home, toys, method: str, upkeep: Upkeep = NOTHING_SAID, metrics: list[str] = []):  # noqa: B006
    grid = Grid(home, upkeep=upkeep)
    key = grid.add_run(resolve(method, toys.protocol, "smoke"), 0)
    if metrics:
        spec = grid.runs[key]
        uses = [*spec.evaluation.metrics, *(MetricUse(metric=name) for name in metrics)]
        evaluation = spec.evaluation.model_copy(update={"metrics": uses})
        grid.runs[key] = spec.model_copy(update={"evaluation": evaluation})
    grid.write_specs()
    return grid, key


def done(home: Home, toys, method: str, *options):
    grid, key = planned(home, toys, method, *options)
    execute(home, key, ProgressFile(home.run(key)))
    return grid, key, home.run(key)


def tensors(folder) -> list[str]:
    return sorted(path.name for path in folder.checkpoints.glob("*.safetensors"))


@pytest.mark.parametrize(
    ("keep", "left"),
    [("all", [2, 4]), ("last", [4]), ("none", [])],
)
def test_what_stays_is_as_the_option_says_and_states_go(toys, keep, left):
    grid, key, folder = done(toys.home, toys, toys.method, Upkeep(keep=keep))
    assert tensors(folder) == [f"epoch-{epoch:06d}.safetensors" for epoch in left]
    assert not list(folder.checkpoints.glob("state-*"))
    for epoch in (2, 4):  # the checksum and what made it stay
        record = read_weights(folder.checkpoints, epoch, key)
        assert record.dropped == ("" if epoch in left else f"--keep {keep}")
        assert [part.to_step for part in record.progress.parts] == [4 * epoch]
    assert not grid.unfinished()


def test_the_last_and_the_best_stay_if_nothing_is_said(toys):
    grid, key, folder = done(toys.home, toys, toys.method)
    frame = scores_frame(folder, grid.runs[key], SPLITS)
    best = {int(frame[frame["split"] == split].sort_values("value")["epoch"].iloc[0]) for split in SPLITS[1:]}
    assert tensors(folder) == [f"epoch-{epoch:06d}.safetensors" for epoch in sorted({4, *best})]


def test_scores_of_a_generator_alone_are_those_of_the_whole(toys, sparing, tmp_path):
    file, _, _ = sparing.rpartition(":")
    alone = done(Home.open(tmp_path / "alone", toys.home.datasets), toys, sparing, Upkeep(keep="all"))[2]
    whole = done(Home.open(tmp_path / "whole", toys.home.datasets), toys, f"{file}:Toy", Upkeep(keep="all"))[2]
    assert set(load_file(alone.checkpoints / "epoch-000004.safetensors")) == {"netG.weight", "netG.bias"}
    assert set(load_file(whole.checkpoints / "epoch-000004.safetensors")) == {"netG.weight", "netG.bias", "average"}
    values = [
        sorted((s["epoch"], s["split"], s["value"]) for s in map(read_json, f.scores.iterdir())) for f in (alone, whole)
    ]
    assert values[0] == values[1]
    assert len(values[0]) == 4
    pictures = [sorted(path.read_bytes() for path in folder.samples("test", 4).iterdir()) for folder in (alone, whole)]
    assert pictures[0] == pictures[1]


def test_a_class_that_makes_images_in_its_own_way_keeps_everything(sparing):
    from bench.plugin.discovery import load_method

    loaded = load_method(sparing)

    class Quiet(loaded):
        """Changes what is trained."""

        def draw(self, context):
            return {}

    class Other(loaded):
        """Reads another network, perhaps."""

        def translate(self, images):
            return images

    assert loaded.networks_to_keep() == Quiet.networks_to_keep() == ("netG",)
    assert Other.networks_to_keep() is None


def test_a_network_that_is_not_there_is_named(toys, sparing, tmp_path):
    (tmp_path / "sparing.py").write_text(TOY + SPARING.replace('("netG",)', '("netG", "netH")'))
    with pytest.raises(BenchError, match="Sparing: kept_networks names netH, of which it has no tensors"):
        done(toys.home, toys, sparing)


def test_checkpoints_stay_until_the_last_metric_is_measured(toys):
    """FID lacks its network here: as soon as its weights come, it is asked of every checkpoint."""
    _, _, folder = done(toys.home, toys, toys.method, Upkeep(keep="none"), ["FID"])
    assert tensors(folder) == ["epoch-000002.safetensors", "epoch-000004.safetensors"]
    assert not list(folder.checkpoints.glob("state-*"))
    assert {json.loads(p.read_text())["state"] for p in folder.scores.iterdir()} == {"done", "not available"}


def test_a_metric_that_only_lacks_aligned_images_keeps_nothing(toys):
    _, _, folder = done(toys.home, toys, toys.method, Upkeep(keep="none"), ["SSIM"])
    assert {json.loads(p.read_text())["state"] for p in folder.scores.iterdir()} == {"done", "not available"}
    assert tensors(folder) == []


def test_a_later_metric_of_a_checkpoint_that_is_gone_says_so_and_nothing_else_is_taken(toys):
    done(toys.home, toys, toys.method, Upkeep(keep="last"))
    grid, key = planned(toys.home, toys, toys.method, NOTHING_SAID, ["L1"])
    folder = toys.home.run(key)
    assert grid.unfinished().keys() == {key}  # epoch 4 can still be asked
    before = (folder.checkpoints / "epoch-000004.safetensors").read_bytes()
    execute(toys.home, key, ProgressFile(folder))
    frame = scores_frame(folder, grid.runs[key], SPLITS)
    rows = {row.epoch: row for row in frame[frame["metric"] == "L1"].itertuples()}
    assert rows[2].state == "not available"
    assert rows[2].reason == (
        "the checkpoint of epoch 2 is gone (--keep last); train again in another --home, or delete the folder of run "
        f"{key} and run the command again"
    )
    assert "gone" not in rows[4].reason
    assert not grid.unfinished()
    assert (folder.checkpoints / "epoch-000004.safetensors").read_bytes() == before
    assert read_json(folder.result)["train_seconds"] > 0


def test_a_score_that_is_lost_with_its_checkpoint_is_not_trained_for(toys):
    grid, key, folder = done(toys.home, toys, toys.method, Upkeep(keep="none"))
    for path in folder.scores.iterdir():
        path.unlink()
    assert not grid.unfinished()
    reasons = set(scores_frame(folder, grid.runs[key], SPLITS)["reason"])
    assert all("is gone (--keep none)" in reason for reason in reasons)
    with pytest.raises(BenchError, match=r"the checkpoint of epoch 4 is gone \(--keep none\)"):
        restore_method(toys.home, key)


STUDENT = """

class Student(Sparing):
    name = "student"
    task = "unpaired_translation"

    class Config(ToyConfig):
        teacher: bool = True
"""


def test_a_teacher_stays_whole(toys, sparing):
    file, _, _ = sparing.rpartition(":")
    Path(file).write_text(TOY.replace("{__file__}:Toy", "{__file__}:Sparing") + SPARING + STUDENT)
    grid, key = planned(toys.home, toys, f"{file}:Student", Upkeep(keep="none"))
    (teacher,) = grid.runs[key].needs.values()
    assert is_needed_whole(toys.home, teacher)
    assert not is_needed_whole(toys.home, key)
    for one in (teacher, key):
        execute(toys.home, one, ProgressFile(toys.home.run(one)))
    assert tensors(toys.home.run(key)) == []
    (left,) = toys.home.run(teacher).checkpoints.glob("*.safetensors")
    assert set(load_file(left)) == {"netG.weight", "netG.bias", "average"}
    restore_method(toys.home, teacher, whole=True)


def test_a_teacher_that_was_trained_alone_is_refused_in_one_line(toys, sparing):
    _, key, _ = done(toys.home, toys, sparing, Upkeep(keep="last"))
    restore_method(toys.home, key)
    with pytest.raises(BenchError, match=r"epoch-000004\.safetensors: holds netG alone, .* needs all of run sparing-"):
        restore_method(toys.home, key, whole=True)


def dead() -> int:
    """The number of a process that is gone."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def leave(folder) -> tuple[list[Path], list[Path]]:
    """Temporary files of a process that is gone, and of living ones."""
    places = [folder.path, folder.checkpoints, folder.scores, folder.tickets]
    gone, living = [], []
    for place in places:
        place.mkdir(exist_ok=True, parents=True)
        gone.append(place / f".x.json.{dead()}@{_HOST}.tmp")
        living += [place / f".x.json.{os.getpid()}@{_HOST}.tmp", place / f".x.json.{dead()}@elsewhere.tmp"]
    for path in [*gone, *living]:
        path.write_text("half")
    return gone, living


def test_what_killed_writers_left_goes_with_the_next_command(toys):
    grid, key, folder = done(toys.home, toys, toys.method)
    gone, living = leave(folder)
    (folder.checkpoints / "state-000000003.safetensors").write_bytes(b"left")
    tidy(toys.home, grid.runs[key], SPLITS, NOTHING_SAID)
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in living)
    assert not list(folder.checkpoints.glob("state-*"))


def test_a_command_tidies_its_finished_runs_and_drops_weights_only_if_it_says_so(toys):
    grid, key, folder = done(toys.home, toys, toys.method, Upkeep(keep="all"))
    gone, living = leave(folder)
    tidy_all(toys.home, grid.runs, {key: SPLITS}, NOTHING_SAID)
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in living)
    assert len(tensors(folder)) == 2
    later, _ = planned(toys.home, toys, toys.method, Upkeep(keep="last"))
    leave(folder)
    tidy_all(toys.home, grid.runs, {key: SPLITS}, NOTHING_SAID)  # what an earlier command said and did not come to
    assert len(tensors(folder)) == 2
    tidy_all(toys.home, later.runs, {key: SPLITS}, later.upkeep)
    assert tensors(folder) == ["epoch-000004.safetensors"]


def test_nothing_of_a_run_that_another_process_does_is_touched(toys):
    grid, key, folder = done(toys.home, toys, toys.method)
    gone, _ = leave(folder)
    command = (
        f"import filelock; lock = filelock.FileLock({str(folder.lock)!r}); lock.acquire(); print(flush=True); input()"
    )
    owner = subprocess.Popen([sys.executable, "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert owner.stdout is not None
        owner.stdout.readline()
        tidy(toys.home, grid.runs[key], SPLITS, Upkeep(keep="none"))
        assert all(path.exists() for path in gone)
        assert tensors(folder)
    finally:
        owner.communicate(b"\n")


def test_a_run_begins_by_removing_what_was_left(toys, monkeypatch):
    monkeypatch.setattr("signal.signal", lambda *_: None)
    _, key = planned(toys.home, toys, toys.method)
    folder = toys.home.run(key)
    gone, living = leave(folder)
    gone.append(folder.samples("test", 4) / gone[0].name)
    gone[-1].parent.mkdir(parents=True)
    gone[-1].write_text("half")
    left = folder.samples("test", 2)  # of a process that was killed between its last score and the removal
    left.mkdir(parents=True)
    (left / "a.png").write_text("")
    assert main([str(toys.home.root), str(toys.home.datasets), key]) == 0
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in living)
    assert not left.exists()


def test_a_kill_between_the_last_score_and_the_result_leaves_no_samples(toys):
    _, key, folder = done(toys.home, toys, toys.method, Upkeep(keep="all"))
    folder.result.unlink()
    shutil.copytree(folder.samples("test", 4), folder.samples("validation", 2))
    execute(toys.home, key, ProgressFile(folder))
    assert [path.name for path in folder.path.joinpath("samples").iterdir()] == ["test-epoch-000004"]


def test_less_can_be_kept_later_and_weights_of_a_kill_in_between_go(toys):
    grid, key, folder = done(toys.home, toys, toys.method, Upkeep(keep="all"))
    data = (folder.checkpoints / "epoch-000002.safetensors").read_bytes()
    tidy(toys.home, grid.runs[key], SPLITS, NOTHING_SAID)
    assert len(tensors(folder)) == 2
    later, _ = planned(toys.home, toys, toys.method, Upkeep(keep="last"))
    tidy(toys.home, later.runs[key], SPLITS, later.upkeep)
    assert tensors(folder) == ["epoch-000004.safetensors"]
    (folder.checkpoints / "epoch-000002.safetensors").write_bytes(data)  # its record said that it is gone already
    retire(toys.home, later.runs[key], SPLITS)
    assert tensors(folder) == ["epoch-000004.safetensors"]


@pytest.mark.parametrize(("keep", "left"), [("last", {4}), (None, {2, 4}), ("none", set())])
def test_the_best_stay_beside_the_last_only_if_nothing_else_is_said(toys, monkeypatch, keep, left):
    """Where another checkpoint is the best one; the toy's last one is."""
    _, key = planned(toys.home, toys, toys.method)
    spec = read_spec(toys.home.run(key).spec)
    monkeypatch.setattr("bench.run.retention.chosen_epochs", lambda *_: {"last": 4, "best-on-test": 2})
    upkeep = NOTHING_SAID if keep is None else Upkeep(keep=keep)
    assert _kept_epochs(toys.home.run(key), spec, SPLITS, upkeep) == left
