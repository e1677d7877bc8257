"""The example that draws a run's attention maps, on runs whose weights are as drawn."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.base.home import Home
from bench.plan.resolve import resolve
from bench.run.checkpoint import Checkpoints
from bench.run.restore import build_method
from bench.schema.protocol import load_protocol
from bench.schema.run_spec import RunSpec, write_spec

SCRIPT = Path(__file__).parents[2] / "examples" / "attention_maps.py"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "runs", tmp_path / "datasets")


def finished(home: Home, attention: int | None) -> str:
    """A run with the weights that training would begin with."""
    found = resolve("dual_contrastive", load_protocol("earth-sat"), "smoke", {"self_attention": attention})
    spec = RunSpec(
        method="dual_contrastive", label="dual_contrastive", revisions=found.revisions(),
        config=found.config.model_dump(mode="json"), data=found.ran.data, fingerprint="0", seed=0,
        evaluation=found.evaluation,
    )  # fmt: skip
    folder = home.run(spec.train_key)
    write_spec(folder.spec, spec)
    Checkpoints(folder.checkpoints, print, folder.key).save_weights(build_method(spec), spec.total_epochs)
    return spec.train_key


def draw(home: Home, key: str, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), key, "--home", str(home.root), "--out", str(out), "--images", "2"]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_picture_of_every_image_and_position(home: Home, tmp_path: Path) -> None:
    done = draw(home, finished(home, 16)[:-6], tmp_path / "a.png")
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "a.png") as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    red = int((pixels == (255, 40, 40)).all(1).sum())
    assert red == 2 * 5 * 8 * 8  # one place of 16 x 16, in cells of 128 pixels


def test_a_run_without_attention_is_refused_in_one_line(home: Home, tmp_path: Path) -> None:
    done = draw(home, finished(home, None), tmp_path / "a.png")
    assert done.returncode == 1
    assert "has no self-attention in its generator" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_that_is_not_there_is_named_in_one_line(home: Home, tmp_path: Path) -> None:
    done = draw(home, "nope", tmp_path / "a.png")
    assert done.returncode == 1
    assert done.stderr.startswith("error: no run under")
    assert len(done.stderr.splitlines()) == 1
