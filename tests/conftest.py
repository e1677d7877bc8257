"""A data set of a few small images and a protocol over it, for tests of the harness that must be quick."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from bench.base.home import Home
from bench.plugin.named import name_file
from bench.schema.protocol import Protocol, load_protocol

pytest_plugins = ["headless_chromium", "paper_cells"]  # in tests/browser and tests/cells

PLUGINS = Path(__file__).parent / "plugins"
# whoever writes a test names its files, as a command line does
for _file in ("colour.py:MeanColour", "toy.py:Toy"):
    name_file(f"{PLUGINS / _file}")


def pytest_configure(config: pytest.Config) -> None:
    """No test reads what the developer's own commands remember, nor leaves anything there."""
    os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="contrastbench-cache-")


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(os.environ["XDG_CACHE_HOME"], ignore_errors=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--plugin",
        action="append",
        default=[],
        metavar="REF",
        help="check this plugin too (tests/bench/test_conformance.py): a name or FILE.py:Class; may be repeated",
    )
    parser.addoption(
        "--flips",
        type=int,
        default=500,
        help="how many single bits of records to flip (tests/bench/test_flipped_bits.py)",
    )
    parser.addoption("--kills", type=int, default=10, help="how many commands to kill, of all verbs (tests/kills)")
    parser.addoption("--seed", type=int, default=0, help="which moments and processes these are")
    parser.addoption("--chain", type=int, help="only the kills of this number's home, to repeat a failure")
    parser.addoption(
        "--inputs", type=int, default=500, help="how many inputs to try over all readers of files (tests/torture)"
    )


@dataclass
class Toys:
    """A results root, a small data set and a protocol file over it."""

    home: Home
    protocol_file: Path
    method: str = f"{PLUGINS / 'toy.py'}:Toy"

    @property
    def protocol(self) -> Protocol:
        return load_protocol(str(self.protocol_file))

    def edit(self, **changes: object) -> None:
        """Change keys of the protocol file."""
        content = yaml.safe_load(self.protocol_file.read_text())
        self.protocol_file.write_text(yaml.safe_dump(content | changes))


def write_images(folder: Path, count: int, seed: int, size: tuple[int, int] = (20, 20)) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for i in range(count):
        pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:03d}.png")


@pytest.fixture
def toys(tmp_path: Path) -> Toys:
    return toys_below(tmp_path)


@pytest.fixture(scope="session")
def make_toys() -> Callable[[Path], Toys]:
    """For tests that share what was trained."""
    return toys_below


def toys_below(tmp_path: Path) -> Toys:
    data = tmp_path / "datasets" / "toys"
    for i, (name, count) in enumerate({"trainA": 6, "trainB": 5, "testA": 3, "testB": 4}.items()):
        write_images(data / name, count, seed=i)
    metric = f"{PLUGINS / 'colour.py'}:MeanColour"
    protocol = {
        "name": "toys",
        "version": 1,
        "title": "toys",
        "task": "unpaired_translation",
        "recipe": "toys",
        "data": {"family": "folder", "name": "toys", "validation": 2},
        "metrics": [{"metric": metric}],
        "select_by": metric,
        "scales": {
            "smoke": {"why": "tests", "epoch_divisor": 1, "images_per_epoch": 4, "scored_checkpoints": 2},
            "paper": {"why": "tests"},
        },
        "changes": {1: "first version"},
    }
    file = tmp_path / "toys.yaml"
    file.write_text(yaml.safe_dump(protocol))
    return Toys(Home.open(tmp_path / "runs", tmp_path / "datasets"), file)
