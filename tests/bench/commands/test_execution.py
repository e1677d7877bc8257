from io import StringIO

import pytest
from rich.console import Console
from written_records import write_result, write_score

from bench.commands.execution import Execution
from bench.ledger.scores import wanted
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run.executors.local import LocalExecutor
from bench.schema.run_spec import read_spec


@pytest.fixture
def finished(toys):
    """A grid of one run that is finished and scored."""
    grid = Grid(toys.home)
    key = grid.add_run(resolve(toys.method, toys.protocol, "smoke"), 0)
    grid.write_specs()
    folder = toys.home.run(key)
    for epoch, split, use in wanted(grid.runs[key], grid.splits[key]):
        write_score(folder, grid.runs[key], epoch, split, use, 1.0)
    write_result(folder)
    return grid, folder


def begin(grid) -> tuple[Execution, list[str]]:
    out = StringIO()
    execution = Execution(grid, LocalExecutor(grid.home), Console(file=out, width=400), mlflow=None)
    return execution, out.getvalue().splitlines()


def test_what_is_whole_is_left_alone(finished):
    grid, _ = finished
    execution, said = begin(grid)
    assert not execution.todo
    assert len(said) == 1


@pytest.mark.parametrize("which", ["result", "score"])
def test_a_damaged_result_or_score_is_said_and_is_work_that_is_left(finished, which):
    grid, folder = finished
    path = folder.result if which == "result" else min(folder.scores.iterdir())
    path.write_text(path.read_text().replace("1.0", "2.0"))
    execution, said = begin(grid)
    assert list(execution.todo) == [folder.key]
    assert [line for line in said if line.startswith(f"damaged: {path}: is not what was written of {folder.key}")]


def test_a_damaged_spec_is_said_and_written_anew(finished):
    grid, folder = finished
    folder.spec.write_text("")
    execution, said = begin(grid)
    assert not execution.todo
    assert read_spec(folder.spec) == grid.runs[folder.key]
    assert said[0].startswith(f"damaged: {folder.spec}: is damaged")
