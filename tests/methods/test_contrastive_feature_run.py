"""A whole run on paired folder data: label files to scores."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from bench.base.errors import BenchError
from bench.base.home import Home
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run.execute import execute
from bench.run.process import ProgressFile
from bench.schema.protocol import load_protocol

SMALL = {
    "crop_size": 64, "load_size": 64, "aspect_ratio": 2.0, "label_nc": 4, "batch_size": 2, "num_patches": 8,
    "ngf": 2, "ndf": 2, "nef": 2, "nhidden": 4, "netF_nc": 8, "num_upsampling_layers": "normal", "nce_resize": 64,
}  # fmt: skip
ROW = {"feature_space": "conv_encoder", "pretrained_F": False, "frozen_F": False, "nce_layers": [0, 1, 2]}


@pytest.fixture
def protocol_file(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 3)):
        folder = tmp_path / "data" / "streets" / split
        folder.mkdir(parents=True)
        for i in range(count):
            classes = rng.integers(0, 4, (40, 80), dtype=np.uint8)
            Image.fromarray(classes).save(folder / f"{i}_label.png")
            Image.fromarray(classes.astype(np.uint16) * 1000).save(folder / f"{i}_instance.png")
            Image.fromarray(np.stack([classes * 60] * 3, axis=-1)).save(folder / f"{i}_photo.png")
    patterns = {"images": "photo", "labels": "label", "instances": "instance"}
    content = {
        "name": "streets",
        "version": 1,
        "title": "streets",
        "task": "paired_synthesis",
        "recipe": "streets",
        "data": {
            "family": "paired_folder",
            "name": "streets",
            **{k: f"{{split}}/*_{v}.png" for k, v in patterns.items()},
        },
        "metrics": [{"metric": "L1"}],
        "select_by": "L1",
        "scales": {"smoke": {"why": "tests", "overrides": SMALL, "epoch_divisor": 400}},
        "changes": {1: "first version"},
    }
    file = tmp_path / "streets.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


def run(protocol_file: Path, settings: dict) -> tuple[Home, str]:
    home = Home.open(protocol_file.parent / "runs", protocol_file.parent / "data")
    grid = Grid(home)
    key = grid.add_run(resolve("contrastive_feature", load_protocol(str(protocol_file)), "smoke", ROW, settings), 0)
    grid.write_specs()
    execute(home, key, ProgressFile(home.run(key)))
    return home, key


def test_from_label_files_to_scores(protocol_file):
    home, key = run(protocol_file, {})
    folder = home.run(key)
    result = json.loads(folder.result.read_text())
    assert result["steps"] == 2 * 2
    assert set(result["parameters"]) == {"G", "D", "F", "E"}
    names = sorted(path.name for path in folder.samples("test", 2).iterdir())
    assert names == ["0_photo.png", "1_photo.png", "2_photo.png"]
    with Image.open(folder.samples("test", 2) / names[0]) as image:
        assert image.size == (64, 32)
    (score,) = (json.loads(path.read_text()) for path in folder.scores.glob("*.json"))
    assert score["state"] == "done"
    assert 0 < score["value"] < 2


def test_classes_that_the_configuration_lacks_stop_the_run(protocol_file):
    with pytest.raises(BenchError, match="data set streets: has class 3, but label_nc is 3"):
        run(protocol_file, {"label_nc": 3})
