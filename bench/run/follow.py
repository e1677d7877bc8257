"""One of the other ranks of a run: it makes the steps that the first one names, and writes nothing (see led_step.py)."""

from __future__ import annotations

from pathlib import Path

import torch

from bench.base import collective
from bench.base.errors import BenchError
from bench.base.home import Home
from bench.base.randomness import Draws
from bench.plugin.method import StepContext
from bench.run.checkpoint import Checkpoints
from bench.run.other_ranks import READY
from bench.run.prepared import prepared
from bench.run.ranked_step import RankedStep
from bench.schema.run_spec import read_spec


def follow(home: Home, key: str, rank: int, meeting: Path) -> None:
    """Make the steps of a run as one of its other ranks, until the first one ends this process.

    Args:
        home: the results root.
        key: the run's train key.
        rank: 1 or more; on cards also which of the visible ones.
        meeting: where the ranks find each other.

    Raises:
        BenchError: the run cannot be made here, or its first rank does other steps than this one.
    """
    folder = home.run(key)
    spec = read_spec(folder.spec)
    if spec.device == "cuda":
        torch.cuda.set_device(rank)
    run = prepared(home, spec)
    method, images, draws = run.method, run.images, Draws(spec.seed)
    print(READY, flush=True)
    collective.join(meeting, rank, spec.ranks.count, spec.ranks.per_rank, spec.device)
    step = collective.told_by_first()
    if step:
        Checkpoints(folder.checkpoints, report=print, run=key).take_state(method, step)
    else:
        run.begin()
    make_step = RankedStep(method, spec.precision)
    while True:
        epoch = images.epoch(step)
        context = StepContext(step, epoch, images.total_steps, method.config.total_epochs, draws.at(step))
        make_step(images.batch(step), context)
        if (step + 1) % images.steps_per_epoch == 0:
            method.end_epoch()
        done, step = step, collective.told_by_first()
        if step != done + 1:
            raise BenchError(
                f"made step {done}, and the first rank goes on with step {step}; run the same command again"
            )
