"""Verbs that train and score nothing import nothing that does, once the first command has asked the methods."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.base.home import Home
from tests.benchmarks.made_up_runs import TABLE, write_home
from tests.benchmarks.many_runs import growth, timed

HEAVY = ("torch", "torchvision", "mlflow", "pandas", "scipy", "matplotlib", "seaborn")
SCRIPT = """
import contextlib, io, json, sys
from bench.cli.app import command_line
found = []
for command in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()):
        status = command_line(command)
    found.append([status, sorted(set(json.loads(sys.argv[2])) & sys.modules.keys())])
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made-up") / "runs"
    assert write_home(Home.open(folder, Path("datasets")), 10) == 1
    return folder


def run(commands: list[list[str]], cache: Path) -> list[list]:
    arguments = [sys.executable, "-c", SCRIPT, json.dumps(commands), json.dumps(HEAVY)]
    environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stdout)


def test_what_is_finished_is_shown_without_what_trains_scores_or_draws(home: Path) -> None:
    of_home = ["--home", str(home)]
    table = [TABLE, "--scale", "smoke", "--seeds", "1", *of_home]
    waiting = ["plan", TABLE, "--scale", "smoke", "--seeds", "2", *of_home]
    commands = [
        ["status", *of_home],
        ["plan", *table],
        waiting,
        ["reproduce", *table, "--no-mlflow"],
        ["report", *of_home],
        ["list"],
    ]
    cache = home.parent / "cache"
    assert [status for status, _ in run(commands, cache)] == [0] * len(commands)
    page = (home / "report.html").read_bytes()
    cells = {path.name: path.read_bytes() for path in (home / "tables").glob("*/*")}
    assert run(commands, cache) == [[0, []]] * len(commands)
    assert (home / "report.html").read_bytes() == page
    assert {path.name: path.read_bytes() for path in (home / "tables").glob("*/*")} == cells


def test_how_seconds_grow_is_said_of_second_commands_that_ended():
    def row(runs: int, processor: float, which: str = "again", verb: str = "status", **more: str) -> dict:
        return {"runs": runs, "verb": verb, "which": which, "processor": processor} | more

    rows = [
        row(1000, 2.5), row(100, 0.7), row(100, 9.0, "first"), row(10_000, 11.5),
        row(100_000, 5.0, problem="was not done after 5 s"), row(100, 1.0, verb="plan"),
    ]  # fmt: skip
    assert growth(rows) == ["status: milliseconds a run: 2.00 from 100 to 1000, 1.00 from 1000 to 10000"]


def test_a_command_that_takes_too_long_is_ended_and_its_row_says_so(tmp_path: Path) -> None:
    assert timed(["--help"], tmp_path / "runs", limit=0.0)["problem"] == "was not done after 0 s"
