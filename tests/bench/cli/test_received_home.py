"""A results root from a stranger is data: no verb runs what its records name, and each says what it did not load."""

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from written_records import reseal, write_losses

from bench.base.home import Home, RunFolder
from bench.base.sealed import sealed
from bench.cli.main import main
from bench.ledger.scores import score_identity
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.plugin.named import say_left_out
from bench.run.execute import execute
from bench.run.process import ProgressFile
from bench.schema.run_spec import RunSpec
from bench.tracking.ledger_view import Ledger

EVIL = """
from pathlib import Path
Path({marker!r}).touch()
from bench.loss import PatchLoss
from bench.metrics.metric import Metric
from bench.method import Method
class Evil(Method):
    name = "evil"
    task = "unpaired_translation"
    higher_is_better = True
"""
# each way to name code in a record
REFERENCES = ("{evil}:Evil", "evil.py:Evil", "os.path:join", "runs/evil:Evil", "nowhere")


class Bomb:
    """What unpickling it would run."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.fixture(scope="module")
def finished(make_toys, tmp_path_factory):
    """Two finished runs of a toy."""
    toys = make_toys(tmp_path_factory.mktemp("honest"))
    grid = Grid(toys.home)
    for seed in (0, 1):
        grid.add_run(resolve(toys.method, toys.protocol, "smoke"), seed)
    grid.write_specs()
    for key in grid.runs:
        execute(toys.home, key, ProgressFile(toys.home.run(key)))
    return toys


@pytest.fixture
def received(request, finished, tmp_path, monkeypatch):
    """That home with a reference planted in every record, and with files that Python would run by themselves."""
    say_left_out.cache_clear()
    shutil.copytree(finished.home.root, tmp_path / "runs")
    shutil.copytree(finished.home.datasets, tmp_path / "datasets")
    home, marker = Home.open(tmp_path / "runs", tmp_path / "datasets"), tmp_path / "marker"
    monkeypatch.chdir(home.root)
    code = EVIL.format(marker=str(marker))
    reference = getattr(request, "param", REFERENCES[0]).format(evil=home.root / "evil.py")
    for run in home.runs():
        run = _replant(run, reference)
        for path in run.scores.glob("*.json"):
            reseal(path, "score", score_identity(run.key, path.stem), metric=reference, run=run.key)
        for name in ("evil", "conftest", "sitecustomize", "usercustomize", "__init__"):
            (run.path / f"{name}.py").write_text(code)
    for name in ("evil", "conftest", "sitecustomize", "usercustomize", "__init__", "toy", "colour", "torch", "typer"):
        (home.root / f"{name}.py").write_text(code)
    for name in ("bench", "methods", "results", "protocols", "mlflow"):
        (home.root / name).mkdir()
        (home.root / name / "__init__.py").write_text(code)
    features = home.cache / "features"
    features.mkdir(parents=True, exist_ok=True)
    for path in (*features.rglob("*.npz"), home.cache / "more.npz"):
        np.savez(path, a=np.array([Bomb(marker)], dtype=object))
    for run in home.runs():
        (run.checkpoints / "epoch-000009.safetensors").write_bytes(pickle.dumps(Bomb(marker)))
    comparison = {"name": "theirs", "contenders": [{"method": reference, "label": "evil", "train_keys": {}}]}
    (home.root / "comparisons" / "theirs").mkdir(parents=True)
    (home.root / "comparisons" / "theirs" / "comparison.json").write_text(json.dumps(comparison))
    yield home, marker, reference
    assert not marker.exists()


def _replant(run, reference):
    """Another run, as whoever made the results root could have written it."""
    spec = json.loads(run.spec.read_text())
    spec["method"] = reference
    spec["config"]["loss"] = reference
    spec["plugins"] = {}
    spec["task"] = reference
    spec["asked_by"] = [f"{reference} smoke", "toys@1 smoke"]
    spec["evaluation"]["metrics"] = [{"metric": reference, "settings": {}}, {"metric": "L1", "settings": {}}]
    spec["evaluation"]["select_by"] = reference
    del spec["seal"]
    key = RunSpec.model_validate(spec).train_key
    planted = RunFolder(run.path.with_name(key))
    run.path.rename(planted.path)
    planted.spec.write_text(json.dumps(sealed("spec", key, spec)))
    losses = write_losses(planted, [{"step": 16, "epoch": 4, "G": 0.5}])
    reseal(planted.result, "result", key, key=key, losses=losses.model_dump(mode="json"))
    return planted


def run(monkeypatch, *arguments):
    """A verb's exit status."""
    monkeypatch.setattr(sys, "argv", ["contrastbench", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code or 0


def test_no_verb_runs_what_a_record_names(received, monkeypatch, capsys):
    home, _, reference = received
    first, second = (run.key for run in home.runs())
    there = ("--home", home.root, "--data", home.datasets)
    assert run(monkeypatch, "status", *there[:2]) in (0, 1)
    assert run(monkeypatch, "diff", first, second, "--home", home.root) == 0
    assert run(monkeypatch, "report", *there) in (0, 1)
    assert run(monkeypatch, "rerun", first, *there) in (1, 2, 3)
    assert run(monkeypatch, "run", first, *there) in (1, 2, 3)
    images, out = home.datasets / "toys" / "testA", home.root.parent / "made"
    assert run(monkeypatch, "translate", first, "--images", images, "--out", out, *there) in (1, 2, 3)
    assert run(monkeypatch, "export", first, "--out", out.with_suffix(".pth"), *there) in (1, 2, 3)
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    assert said.err.count(f"note: metric {reference} is ") == 1


@pytest.mark.slow
def test_planning_in_a_received_home(received, monkeypatch):
    home, _, _ = received
    arguments = ("src-hdce/main", "--scale", "smoke", "--home", home.root, "--data", home.datasets)
    assert run(monkeypatch, "plan", *arguments) in (0, 1, 3)


@pytest.mark.parametrize("received", REFERENCES, indirect=True)
def test_every_way_to_name_code(received, monkeypatch, capsys):
    home, _, reference = received
    first, second = (run.key for run in home.runs())
    assert run(monkeypatch, "diff", first, second, "--home", home.root) == 0
    assert run(monkeypatch, "run", first, "--home", home.root) in (1, 2, 3)
    assert f"note: metric {reference} is " in capsys.readouterr().err
    ledger = Ledger(home)  # what `sync` and `ui` show
    for key in ledger.begun():
        ledger.run(key)
    list(ledger.parents())


def test_a_folder_of_modules_as_working_directory_changes_nothing(received):
    home, _, _ = received
    command = [
        sys.executable,
        "-P",
        "-c",
        "from bench.cli.main import main; main()",
        "status",
        "--home",
        str(home.root),
    ]
    done = subprocess.run(command, cwd=home.root, capture_output=True, text=True, timeout=300, check=False)
    assert "Traceback" not in done.stderr


def test_a_file_that_the_user_names_must_be_the_recorded_one(finished, tmp_path, monkeypatch, capsys):
    """Naming a file does not make another one out of what was recorded."""
    shutil.copytree(finished.home.root, tmp_path / "runs")
    home = Home.open(tmp_path / "runs", finished.home.datasets)
    key = next(run.key for run in home.runs())
    other = tmp_path / "toy.py"
    other.write_text(Path(finished.method.rpartition(":")[0]).read_text() + "\n# another\n")
    images, out = home.datasets / "toys" / "testA", tmp_path / "made"
    made = (["translate", "--images", images, "--out", out], ["export", "--out", out.with_suffix(".pth")])
    for verb, *more in (["rerun"], ["run"], *made):
        assert run(monkeypatch, verb, key, *more, "--method", f"{other}:Toy", "--home", home.root) == 2
        assert "toy.py:Toy: its sha256 is " in capsys.readouterr().err
