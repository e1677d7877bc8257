"""The measurements of a card, tried without one: in the least size, where nothing but torch's packages can be imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
ABSENT = """
import sys
from importlib.machinery import PathFinder

ABSENT = {
    "pandas", "pydantic", "pydantic_core", "mlflow", "typer", "yaml", "rich", "filelock", "scipy", "matplotlib",
    "jinja2", "requests", "pooch", "pytorch_fid", "efficientnet_lite_pytorch", "pytest",
}


class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in ABSENT else PathFinder.find_spec(name, path, target)


sys.meta_path[sys.meta_path.index(PathFinder)] = Without
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpu")
    (folder / "sitecustomize.py").write_text(ABSENT)
    environment = os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.gpu", "--device", "cpu", "--small", "--out", str(folder / "out")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder / "out"


def test_every_part_passes_without_the_packages_that_a_bare_machine_lacks(results):
    rows = json.loads((results / "results.json").read_text())["rows"]
    assert {row["part"] for row in rows} == {
        "rates", "replays", "graphs", "resume", "speed", "sharing", "differences",
    }  # fmt: skip
    assert {row["state"] for row in rows} <= {"passed", "measured"}
    assert sum(row["state"] == "passed" for row in rows) > 80
    assert len(list(results.iterdir())) == 4  # few files, all at the top


def test_every_record_has_a_line(results):
    names = " ".join(row["name"] for row in json.loads((results / "results.json").read_text())["rows"])
    records = [path for path in GOLDEN.rglob("*") if path.suffix in (".npz", ".safetensors")]
    assert len(records) > 40
    for record in records:
        assert record.relative_to(GOLDEN).as_posix() in names


def test_the_page_says_what_was_measured(results):
    page = (results / "gpu.md").read_text()
    assert "step of cut, float64 | passed" in page
    assert "| CUT, tf32 | 4 times plain in tf32 | - times | not measured |" in page
    assert "Nothing failed, broke or was skipped." in page


def test_what_is_needed_stays_small():
    size = sum(path.stat().st_size for path in GOLDEN.rglob("*") if path.is_file())
    assert size < 35e6
