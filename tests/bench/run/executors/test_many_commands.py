"""Several identical commands on one results root are as many workers: each run is trained once, and nobody waits in line."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bench.base.home import Home
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run.executors.executor import ELSEWHERE
from bench.run.executors.local import LocalExecutor

SEEING = Path(__file__).parents[3] / "plugins" / "seeing.py"
STEPS = 16


def work_off(toys, place, commands, seeds, stall):
    """Let so many executors finish the same runs; seconds, their outcomes, and what the runs wrote down."""
    home = Home.open(place, toys.home.datasets)
    notes = place / "notes.jsonl"
    grid = Grid(home)
    settings = {"notes": str(notes), "stall": stall}
    for seed in range(seeds):
        grid.add_run(resolve(f"{SEEING}:Sees", toys.protocol, "smoke", settings=settings), seed)
    grid.write_specs()
    outcomes: list[dict] = []

    def command():
        outcomes.append(LocalExecutor(home, slots=1).run(grid.runs, lambda *_: None))

    threads = [threading.Thread(target=command) for _ in range(commands)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - started, outcomes, read_notes(notes)


def read_notes(file):
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def require_each_step_once(notes, runs):
    steps = [(*note["run"], note["step"]) for note in notes]
    assert len(steps) == len(set(steps)) == runs * STEPS


def test_three_commands_share_the_runs_and_train_each_once(toys, tmp_path):
    _, outcomes, notes = work_off(toys, tmp_path / "shared", 3, seeds=5, stall=0.04)
    require_each_step_once(notes, 5)
    assert len(outcomes) == 3
    assert all(outcome.state == "done" for found in outcomes for outcome in found.values())
    own = [sum(outcome.reason != ELSEWHERE for outcome in found.values()) for found in outcomes]
    assert sum(own) == 5
    assert min(own) >= 1  # everyone has worked


@pytest.mark.slow
def test_two_and_four_commands_take_a_half_and_a_quarter_of_the_time_of_one(toys, tmp_path):
    """Steps that sleep, so that cores do not count; what commands import before they begin is left out."""
    work_off(toys, tmp_path / "warm", 1, seeds=1, stall=0.0)
    took = {}
    for commands in (1, 2, 4):
        took[commands], _, notes = work_off(toys, tmp_path / str(commands), commands, seeds=8, stall=0.3)
        require_each_step_once(notes, 8)
    print({commands: round(seconds, 1) for commands, seconds in took.items()})
    assert took[2] <= 0.6 * took[1]
    assert took[4] <= 0.35 * took[1]


@pytest.mark.slow
def test_identical_compare_commands_on_a_fresh_home_train_each_run_once(toys, tmp_path):
    notes = tmp_path / "notes.jsonl"
    line = [
        "compare", "--method", f"{SEEING}:Sees", "--against", f"{SEEING}:SeesToo", "--protocol", str(toys.protocol_file),
        "--seeds", "2", "--slots", "1", "--set", "stall=0.3", "--set", f"notes={notes}", "--device", "cpu",
        "--home", str(tmp_path / "fresh"), "--data", str(toys.home.datasets),
    ]  # fmt: skip
    command = [sys.executable, "-c", "from bench.cli.main import main; main()", *line]
    children = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)
    ]
    told = [child.communicate()[0] for child in children]
    assert [child.returncode for child in children] == [0, 0], told
    require_each_step_once(read_notes(notes), 4)
    assert all("the comparison is written to" in text for text in told)
    assert not any("Traceback" in text or "warning" in text for text in told)
    assert all(text.count(f"done sees{label}") == 2 for text in told for label in (" on", "-too on"))
