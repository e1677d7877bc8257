"""A disk that is full from some moment on costs a line and nothing that was finished."""

import contextlib
import io
import resource

import pytest

from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run import process
from bench.schema.upkeep import Upkeep

ROOM = 700  # bytes that a file may still have: records of progress, and no weights, images, losses or scores


@pytest.fixture
def full_from(monkeypatch):
    """Make every file that grows beyond ROOM fail from a call of progress on."""
    monkeypatch.setattr(process, "PROGRESS_SECONDS", 0.0)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    told = process.ProgressFile.__call__

    def fill(moment):
        calls = iter(range(10**6))

        def counted(progress, update):
            if next(calls) == moment:
                resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, hard))
            told(progress, update)

        monkeypatch.setattr(process.ProgressFile, "__call__", counted)

    yield fill, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def made(folder):
    files = [folder.metrics, *folder.checkpoints.glob("*.safetensors"), *folder.samples("test", 4).glob("*.png")]
    return {path.name: path.read_bytes() for path in files}


def test_the_same_run_again_finishes_what_a_full_disk_stopped(toys, full_from):
    grid = Grid(toys.home, upkeep=Upkeep(save_minutes=1e-9, keep="all"))
    keys = [grid.add_run(resolve(toys.method, toys.protocol, "smoke"), seed) for seed in range(4)]
    grid.write_specs()
    fill, mend = full_from
    # the moments are in the first epochs, while the images of one are made, and in the last epoch
    for key, moment in zip(keys, (3, 9, 18, 30), strict=True):
        arguments, folder = [str(toys.home.root), str(toys.home.datasets), key], toys.home.run(key)
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            fill(moment)
            assert process.main(arguments) == 1
            mend()
        lines = said.getvalue().splitlines()  # a second one of error.json, which needs room too
        assert len(lines) <= 2
        assert all("cannot be written: File too large; run the same command again" in line for line in lines)
        assert not list(folder.path.rglob(".*.tmp"))
        kept = {path: path.read_bytes() for path in folder.checkpoints.glob("epoch-*.safetensors")}
        assert process.main(arguments) == 0
        assert {path: path.read_bytes() for path in kept} == kept
        stopped = made(folder)
        for path in [folder.result, folder.metrics, *folder.checkpoints.iterdir(), *folder.scores.iterdir()]:
            path.unlink()
        assert process.main(arguments) == 0
        assert made(folder) == stopped
