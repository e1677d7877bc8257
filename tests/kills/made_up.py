"""A made-up paper: a package with a protocol, a table of three runs of seconds each and its methods, and images to score."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

PLUGINS = Path(__file__).parents[1] / "plugins"
MARK = "CONTRASTBENCH_KILLS"  # a variable of every process of one command and of its children, however they are started
CONTRASTBENCH = (sys.executable, "-P", "-c", "from bench.cli.main import main; main()")
STALL = 0.06  # seconds of a step, of which a run has 16
METRICS = ("made-up-colour", "FD-EffLite0")  # a network's features are kept in the home's cache

METHODS = """
from typing import Any, ClassVar
from pydantic import Field
from bench.plugin.method import RequiredRun
from made_up.colour import MeanColour
from made_up.toy import Toy, ToyConfig

class Config(ToyConfig):
    stall: float = Field({stall}, description="seconds to sleep in each step")

class Plain(Toy):
    name = "made-up"
    task = "unpaired_translation"
    recipes: ClassVar[dict[str, dict[str, Any]]] = {{"toys": {{}}, "released": {{}}}}
    Config = Config

class Student(Plain):
    name = "made-up-student"
    task = "unpaired_translation"

    class Config(Config):
        teacher: bool = True

    @classmethod
    def required_runs(cls, config: Any) -> dict[str, RequiredRun]:
        return {{"teacher": RequiredRun("made-up", {{"lr": 0.1}})}}

class Colour(MeanColour):
    name = "made-up-colour"
    higher_is_better = False
"""
ENTRY_POINTS = """[contrastbench.methods]
made-up = made_up.methods:Plain
made-up-student = made_up.methods:Student
[contrastbench.metrics]
made-up-colour = made_up.methods:Colour
[contrastbench.protocols]
made-up = made_up.protocols
[contrastbench.tables]
made-up = made_up.tables
"""
PROTOCOL = {
    "name": "made-up",
    "version": 1,
    "title": "made-up images",
    "task": "unpaired_translation",
    "recipe": "toys",
    "data": {"family": "folder", "name": "toys", "validation": 2},
    "metrics": [{"metric": metric} for metric in METRICS],
    "select_by": METRICS[0],
    "scales": {
        "smoke": {"why": "tests", "epoch_divisor": 1, "images_per_epoch": 4, "scored_checkpoints": 2, "seeds": 1},
        "paper": {"why": "tests"},
    },
    "changes": {1: "first version"},
}
ROWS = {
    "Plain": {"method": "made-up"},
    "Teacher": {"method": "made-up", "overrides": {"lr": 0.1}},
    "Student": {"method": "made-up-student"},
}
COLUMN = {
    "group": "Toys",
    "heading": "colour",
    "protocol": "made-up@1",
    "metric": METRICS[0],
    "higher_is_better": False,
    "printed": {},
}
TABLE = {
    "name": "made-up/main",
    "version": 1,
    "title": "a made-up table",
    "paper": "made-up",
    "citation": "nobody",
    "where": "nowhere",
    "printed_in": "src_hdce_main_comparison.csv",
    "columns": [COLUMN],
    "rows": [
        {"label": label, "variant": "released", "printed": {}, "not_printed": ["Toys colour"], **row}
        for label, row in ROWS.items()
    ],
    "changes": {1: "first version"},
}


@dataclass
class MadeUp:
    """Where everything is; every home has the same path, since records and MLflow name it.

    Attributes:
        root: a folder of its own.
    """

    root: Path
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        _write_package(self.root / "site")
        for place, (name, count) in enumerate({"trainA": 6, "trainB": 5, "testA": 3, "testB": 4}.items()):
            _write_images(self.data / "toys" / name, count, place)
        _write_images(self.root / "images", 3, 9)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")},
            "PYTHONPATH": os.pathsep.join([str(self.root / "site"), str(PLUGINS.parents[1])]),
            "TMPDIR": str(self.temporary),
            "XDG_CACHE_HOME": str(self.user_cache),
            "MPLCONFIGDIR": str(self.root / "matplotlib"),  # its cache of fonts takes seconds to make
            "OMP_NUM_THREADS": "1",
            "CONTRASTBENCH_DEVICE": "cpu",
        }

    home = property(lambda self: self.root / "home")
    data = property(lambda self: self.root / "data")
    temporary = property(lambda self: self.root / "tmp")
    user_cache = property(lambda self: self.root / "user-cache")

    def command(self, verb: str) -> list[str]:
        """The command line of a verb."""
        save = "--save-every 0.005"  # minutes
        said = {
            "reproduce": f"reproduce made-up/main {save}",
            "compare": f"compare --method made-up-student --against made-up --protocol made-up --seeds 1 {save} --keep all",
            "score": "score --protocol made-up --images images",
            "sync": "sync",
            "report": "report",
        }[verb]
        return [*CONTRASTBENCH, *said.split(), "--home", str(self.home), "--data", str(self.data)]

    def begin(self, home: Path | None) -> None:
        """Start over from a copy of a home, or from none."""
        for folder in (self.home, self.temporary, self.user_cache):
            shutil.rmtree(folder, ignore_errors=True)
        self.temporary.mkdir()
        if home is not None:
            shutil.copytree(home, self.home)


def _write_package(site: Path) -> None:
    package, info = site / "made_up", site / "made_up-1.0.dist-info"
    for folder in (package / "protocols", package / "tables", info):
        folder.mkdir(parents=True)
    for folder in (package, package / "protocols", package / "tables"):
        (folder / "__init__.py").touch()
    for name in ("toy.py", "colour.py"):
        shutil.copy(PLUGINS / name, package)
    (package / "methods.py").write_text(METHODS.format(stall=STALL))
    (package / "protocols" / "made-up.yaml").write_text(yaml.safe_dump(PROTOCOL))
    (package / "tables" / "made-up-main.yaml").write_text(yaml.safe_dump(TABLE))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)


def _write_images(folder: Path, count: int, seed: int) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for i in range(count):
        Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(folder / f"{i:03d}.png")
