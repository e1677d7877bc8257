"""One method's first day: planned, started, killed, its home moved to another folder, resumed there and scored."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.base.home import Home, RunFolder
from bench.base.storage import read_object
from bench.ledger.checkpoint_files import STATE
from bench.ledger.folders import read_result
from tests.rehearsal.commands import Failed, Stage, Watch, size
from tests.rehearsal.paper import ONE_COLUMN, REHEARSAL, SEGMENTER, Length

KILL_AFTER = 1  # steps, and once a state to go on from is on disk
SAVE_EVERY = "0.001"  # minutes; saving takes no more than a share of the time, whatever is asked


@dataclass(frozen=True)
class Rehearsed:
    """A line of the result file: what `plan` said of a run and what the run then took.

    Attributes:
        method: which.
        images, test_images: of an epoch, and scored at each checkpoint.
        date, cores, load: of the machine, the load when the run began.
        steps: of the rehearsal; paper_steps: of the published training.
        plan_seconds, seconds: of a step, as `plan --calibrate` measured it and as the run took it.
        plan_paper_seconds: of the published training, as `plan --scale paper` says; None: it does not know.
        plan_peak, peak, plan_after, after: bytes of checkpoints while it ran and once it was scored.
        plan_memory, memory: the most that one of its processes held, in bytes, as `plan --calibrate` measured it in a few
            steps and in the run.
        killed_after, went_on_after: steps that were done in the newest state at the kill, and where it went on.
        scores: files of scores in the end.
        wall: seconds of everything.
        problem: what did not go as it should, in a line; empty if nothing.
    """

    method: str
    images: int
    test_images: int | None
    date: str
    cores: int
    load: float
    steps: int = 0
    paper_steps: int = 0
    plan_seconds: float = 0.0
    seconds: float = 0.0
    plan_paper_seconds: float | None = None
    plan_peak: int = 0
    peak: int = 0
    plan_after: int = 0
    after: int = 0
    plan_memory: int = 0
    memory: int = 0
    killed_after: int = 0
    went_on_after: int = 0
    scores: int = 0
    wall: float = 0.0
    problem: str = ""


def table_of(method: str) -> str:
    """The made-up table that has a method's row."""
    return SEGMENTER if method.endswith("drn") else ONE_COLUMN


def rehearse(stage: Stage, method: str, length: Length, say: Callable[[str], None]) -> Rehearsed:
    """Live through a method's first day.

    Args:
        stage: with data, weights and package in place.
        method: a row of a made-up table.
        length: that the package was written with.
        say: told how far it is.

    Returns:
        What was measured; of a day that went wrong as far as it went, with the problem.
    """
    began = time.time()
    row: dict[str, Any] = {
        "method": method,
        "images": length.images,
        "test_images": length.test_images,
        "date": time.strftime("%Y-%m-%d"),
        "cores": os.cpu_count() or 1,
        "load": round(os.getloadavg()[0], 1),
    }
    try:
        for piece in _day(stage, method, say):
            row |= piece
    except Failed as error:
        row["problem"] = str(error)
    return Rehearsed(**row, wall=round(time.time() - began, 1))


def _day(stage: Stage, method: str, say: Callable[[str], None]) -> Any:
    """What is measured, piece by piece."""
    home, moved = stage.root / "homes" / method, stage.root / "homes" / f"{method}-moved"
    for folder in (home, moved):
        shutil.rmtree(folder, ignore_errors=True)
    words = [table_of(method), "--seeds", "1", "--method", method, "--keep", "all"]
    say("plan --calibrate")
    planned = stage.ask(["plan", *words, "--scale", REHEARSAL, "--calibrate"], home)["runs"]
    paper = stage.ask(["plan", *words, "--scale", "paper"], home)["runs"]
    if len(planned) != 1 or len(paper) != 1:
        raise Failed(f"{len(planned)} runs are planned instead of one")
    plan, key = planned[0], planned[0]["key"]
    yield {
        "steps": plan["steps"],
        "paper_steps": paper[0]["steps"],
        "plan_seconds": plan["seconds_per_step"],
        "plan_paper_seconds": paper[0]["expected_seconds"],
        "plan_peak": plan["peak_bytes"],
        "plan_after": plan["disk_bytes"],
        "plan_memory": plan["memory_bytes"] or 0,
    }
    run = ["reproduce", *words, "--scale", REHEARSAL, "--save-every", SAVE_EVERY, "--no-mlflow"]
    seen, folder = Watch(), Home(home, stage.data).run(key)
    say(f"{plan['steps']} steps begin, about {plan['expected_seconds'] / 60:.0f} min of training")
    command = stage.start(run, home)
    if not seen.watch(command, folder, lambda step: step >= KILL_AFTER and bool(states(folder)), say):
        raise Failed(f"ended before it could be killed: {command.text()}")
    saved = max(states(folder))
    yield {"killed_after": saved}

    home.rename(moved)
    folder = Home(moved, stage.data).run(key)
    say(f"killed after step {saved}; its home is moved, and it goes on there")
    command = stage.start(run, moved)
    seen.watch(command, folder, lambda step: False, say)
    result = read_result(folder)
    if command.process.returncode or result is None or not result.train_seconds:
        raise Failed(command.text())
    scores = list(folder.scores.glob("*.json"))
    yield {
        "seconds": result.train_seconds / result.steps,
        "peak": seen.disk,
        "after": size(folder.checkpoints),
        "memory": seen.memory,
        "went_on_after": (seen.first_step or 0) - 1,
        "scores": len(scores),
    }
    if seen.first_step is None or seen.first_step <= saved:
        raise Failed(f"went on after {(seen.first_step or 0) - 1} steps though {saved} were saved")
    if len({read_object(path).get("epoch") for path in scores}) != 2:
        raise Failed("was not scored at two checkpoints")
    shutil.rmtree(moved)


def states(folder: RunFolder) -> list[int]:
    """The steps of the states on disk that are whole: their JSON half is written last."""
    return [int(path.stem.removeprefix(STATE)) for path in folder.checkpoints.glob(f"{STATE}*.json")]


def append(file: Path, row: Rehearsed) -> None:
    """Write a line of the result file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as results:
        results.write(json.dumps(asdict(row)) + "\n")


def read(file: Path) -> dict[str, Rehearsed]:
    """Results by method, the latest of each; a line that a kill cut short is none."""
    found = {}
    for line in file.read_text().splitlines() if file.is_file() else ():
        try:
            row = Rehearsed(**json.loads(line))
        except (ValueError, TypeError):
            continue
        found[row.method] = row
    return found
