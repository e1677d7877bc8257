import json
from pathlib import Path

import pytest
import torch

from bench.base.storage import read_json
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run.execute import execute
from bench.run.process import ProgressFile

PLUGINS = Path(__file__).parents[2] / "plugins"


@pytest.fixture
def rounding():
    """A process in which something has allowed TF32."""
    places = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [place.allow_tf32 for place in places]
    for place in places:
        place.allow_tf32 = True
    yield
    for place, value in zip(places, before, strict=True):
        place.allow_tf32 = value


@pytest.mark.usefixtures("rounding")
def test_a_run_rounds_nothing_to_tf32_and_says_what_made_it(toys, tmp_path):
    notes = tmp_path / "notes.jsonl"
    grid = Grid(toys.home)
    key = grid.add_run(resolve(f"{PLUGINS / 'seeing.py'}:Sees", toys.protocol, "smoke", {"notes": str(notes)}), 0)
    grid.write_specs()
    folder = toys.home.run(key)
    execute(toys.home, key, ProgressFile(folder))
    seen = [json.loads(line) for line in notes.read_text().splitlines()]
    assert len(seen) == 16
    assert all(line["tf32"] == [False, False] for line in seen)

    made_on = {"device": "cpu", "card": "", "driver": "", "threads": 1}
    stored = [read_json(folder.result), *(read_json(path) for path in folder.scores.iterdir())]
    assert len(stored) == 5
    assert all(made_on.items() <= one.items() for one in stored)


def test_the_last_phase_is_written_however_soon_it_comes(toys):
    folder = toys.home.run("a" * 12)
    folder.path.mkdir(parents=True)
    progress = ProgressFile(folder)
    progress({"phase": "training", "step": 1})
    progress({"phase": "done", "step": 2})
    content = json.loads(folder.progress.read_text())
    assert (content["phase"], content["step"]) == ("done", 2)
