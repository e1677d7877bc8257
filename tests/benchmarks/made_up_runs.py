"""A home of made-up finished runs, written through the classes that real runs are written through, to measure readers.

    python -m tests.benchmarks.made_up_runs HOME RUNS

plans `TABLE` at smoke scale (for more than 10,000 runs all tables) with as many seeds as RUNS takes, and writes what each of
its runs would have left: losses, scores, checkpoints whose weights are dropped, result, progress, ticket, lock, log and, of
the first seeds, a folder of samples. No number in it means anything, and no image was made by a network.
"""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from PIL import Image

from bench.base.home import Home, RunFolder
from bench.base.many import mapped
from bench.base.storage import write_json
from bench.ledger.checkpoint_files import Progress, WeightsRecord, write_record
from bench.ledger.scores import StoredScore, score_identity, score_key, wanted
from bench.metrics.metric import load_metric
from bench.plan.grid import Grid
from bench.run.loss_log import LossLog
from bench.run.ticket import process_ticket
from bench.schema.parts import Part
from bench.schema.records import Made, RunResult
from bench.schema.run_spec import RunSpec, code_hash, write_spec
from bench.schema.table import load_table, table_names

TABLE = "src-hdce/main"
SCALE = "smoke"
ROWS = 8  # of the loss log
SAMPLES = 4  # images of the last checkpoint that stay
SAMPLED_SEEDS = 100
MOST_OF_ONE_TABLE = 10_000  # runs


def tables_for(runs: int) -> tuple[str, ...]:
    """The tables of a made-up home: one, or all of them where one would need thousands of seeds."""
    return (TABLE,) if runs <= MOST_OF_ONE_TABLE else tuple(table_names())


def write_home(home: Home, runs: int) -> int:
    """Write the runs of a table, or of all, all finished.

    Args:
        home: an empty results root.
        runs: at least so many.

    Returns:
        Seeds of the tables; one seed of `TABLE` is ten runs.
    """
    grid = Grid(home)
    for name in tables_for(runs):
        grid.add_table(load_table(name), SCALE, range(1))
    once = sum(not spec.needs and spec.task == "segmentation" for spec in grid.runs.values())  # the scoring network
    seeds = max(1, -(-(runs - once) // (len(grid.runs) - once)))
    for name in tables_for(runs):
        grid.add_table(load_table(name), SCALE, range(1, seeds))
    picture = home.root / "picture.png"
    Image.effect_mandelbrot((64, 64), (-2, -1.5, 1, 1.5), 50).convert("RGB").save(picture)
    made = Made.now()

    def write(key: str) -> None:
        write_run(home.run(key), grid.runs[key], grid.splits[key], made, picture)

    # nobody pulls the plug here, and nobody reads meanwhile
    with mock.patch("os.fsync"), mock.patch("bench.base.storage.write_atomically", _write_plainly):
        for _ in mapped(write, list(grid.runs)):
            pass
    return seeds


def _write_plainly(path: Path, write: Callable[[Path], object], option: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path)


def write_run(folder: RunFolder, spec: RunSpec, splits: tuple[str, ...], made: Made, picture: Path) -> None:
    """Write one finished run."""
    write_spec(folder.spec, spec)
    steps = ROWS * spec.total_epochs
    chance = random.Random(spec.train_key)
    log = LossLog(folder.metrics)
    for row in range(1, ROWS + 1):
        losses = {name: chance.random() for name in ("G", "D", "NCE")}
        log.append({"step": row * spec.total_epochs, "epoch": max(1, row * spec.total_epochs // ROWS)} | losses)
    part = Part(
        from_step=0, to_step=steps, code=made.code, versions=made.versions, device="cpu", threads=1, started=0.0
    )
    for epoch in spec.scored_epochs:
        at = Progress(seconds=float(epoch), parts=[part])
        weights = WeightsRecord(run=folder.key, sha256="0" * 64, tensors=["G.w"], epoch=epoch, progress=at)
        is_last = epoch == spec.total_epochs
        write_record(folder.checkpoints, weights if is_last else weights.model_copy(update={"dropped": "--keep last"}))
        if is_last:
            (folder.checkpoints / f"{weights.name}.safetensors").touch()
    for epoch, split, use in wanted(spec, splits):
        key = score_key(spec, epoch, split, use)
        score = StoredScore(
            metric=use.metric, revision=load_metric(use.metric).revision, value=chance.random(), n_fake=24, n_real=24,
            state="done", key=key, run=folder.key, epoch=epoch, split=split, checkpoint="0" * 64, made=made,
        )  # fmt: skip
        score.write(folder.scores / f"{key}.json", score_identity(folder.key, key))
    if spec.seed < SAMPLED_SEEDS:  # pages show the first seed's; a file can have 65,000 links
        samples = folder.samples("test", spec.total_epochs)
        samples.mkdir(parents=True)
        for number in range(SAMPLES):
            os.link(picture, samples / f"{number:03d}.png")
    process_ticket(folder.key, os.getpid()).write(folder)
    write_json(folder.progress, {"phase": "done", "step": steps, "total_steps": steps, "updated": 0.0})
    folder.log.touch()
    folder.lock.touch()
    RunResult(
        key=folder.key, steps=steps, train_seconds=float(steps), scored_epochs=spec.scored_epochs,
        parameters={"G": 12}, code=code_hash(), versions=made.versions, device="cpu", threads=1, parts=[part],
        losses=log.seal(), time=0.0,
    ).write(folder.result, folder.key)  # fmt: skip


def main() -> None:
    """Write a home from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.made_up_runs", description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("runs", type=int)
    arguments = parser.parse_args()
    seeds = write_home(Home.open(arguments.home, Path("datasets")), arguments.runs)
    tables = " ".join(tables_for(arguments.runs))
    print(f"{seeds} seeds: contrastbench plan {tables} --scale {SCALE} --seeds {seeds} --home {arguments.home}")


if __name__ == "__main__":
    main()
