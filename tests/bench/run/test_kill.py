"""The promise of exact recovery, on a real method: kill it five times at random moments, compare every bit."""

import multiprocessing
import os
import random
import signal
import time

import pytest
from written_records import score_content

from bench.base.home import Home
from bench.base.storage import read_json
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run.process import run_in_child
from bench.schema.protocol import load_protocol
from bench.schema.upkeep import Upkeep

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["bench.run.preload"])


# epochs, so that each run lasts long enough to be killed five times
LONGER = {
    "cut": {},
    "cyclegan": {"n_epochs": 4, "n_epochs_decay": 4},
    "fastcut": {"n_epochs": 6, "n_epochs_decay": 6},
    "fsesim": {},
    "lsesim": {},
    "sincut": {"n_epochs": 3, "n_epochs_decay": 3, "images_per_epoch": 40},
}
PROTOCOLS = {"sincut": "earth-single-image"}


def plan(root, datasets, name):
    home = Home.open(root, datasets)
    grid = Grid(
        home, upkeep=Upkeep(keep="all", save_minutes=0.05)
    )  # a run of a minute would be over before the default
    protocol = load_protocol(PROTOCOLS.get(name, "earth-land2sat"))
    key = grid.add_run(resolve(name, protocol, "smoke", settings=LONGER[name]), 0)
    grid.write_specs()
    return home, key


def start(home, key):
    child = CONTEXT.Process(target=run_in_child, args=(str(home.root), str(home.datasets), key))
    child.start()
    return child


def wait_until_at_work(folder):
    deadline = time.monotonic() + 300
    while "step" not in (read_json(folder.progress) or {}) and time.monotonic() < deadline:
        time.sleep(0.05)


def artefacts(home, key):
    folder = home.run(key)
    files = [folder.metrics, *folder.checkpoints.glob("epoch-*.safetensors")]
    files += folder.samples("test", read_json(folder.result)["scored_epochs"][-1]).glob("*.png")
    scores = {path.name: score_content(path) for path in folder.scores.iterdir()}
    return scores | {path.name: path.read_bytes() for path in files}


@pytest.mark.slow
@pytest.mark.parametrize("name", LONGER)
def test_five_sigkills_at_random_moments_change_no_bit(tmp_path, name):
    whole_home, key = plan(tmp_path / "whole", tmp_path, name)
    child = start(whole_home, key)
    wait_until_at_work(whole_home.run(key))
    began = time.monotonic()
    child.join(600)
    assert child.exitcode == 0
    lasts = time.monotonic() - began
    whole = artefacts(whole_home, key)
    home, again = plan(tmp_path / "killed", tmp_path, name)
    assert again == key
    # five moments in the first half of the work, some in training and some in sampling or scoring: later ones could find
    # the run done, since only what follows the last checkpoint is lost by a kill
    rng = random.Random(name)
    moments = sorted(rng.uniform(0, 0.5 * lasts) for _ in range(5))
    for before, moment in zip([0.0, *moments], moments, strict=False):
        child = start(home, key)
        wait_until_at_work(home.run(key))
        time.sleep(moment - before)
        assert child.exitcode is None, "the run was over before its fifth kill; kill it earlier"
        os.kill(child.pid, signal.SIGKILL)
        child.join(300)
        home.run(key).progress.unlink(missing_ok=True)
    child = start(home, key)
    child.join(600)
    assert child.exitcode == 0
    assert artefacts(home, key) == whole
