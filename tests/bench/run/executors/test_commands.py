import shutil
import subprocess
from pathlib import Path

import pytest

from bench.base.errors import UsageError
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run.executors import commands
from bench.run.executors.commands import CommandsExecutor


@pytest.fixture
def grid(toys):
    """A run that needs another one, and a third."""
    grid = Grid(toys.home)
    file = toys.method.rpartition(":")[0]
    for name in ("NeedsTeacher", "Toy"):
        grid.add_run(resolve(f"{file}:{name}", toys.protocol, "smoke"), 0)
    grid.write_specs()
    return grid


def test_a_line_a_run_is_written_and_later_waves_need_earlier_ones(grid, toys):
    executor = CommandsExecutor(grid.home, slots=2)
    handed_over = executor.hand_over(grid.runs)
    assert handed_over.keys() == grid.runs.keys()
    waves = [(executor.folder / f"wave-{wave}.txt").read_text().splitlines() for wave in (1, 2)]
    assert [len(lines) for lines in waves] == [2, 1]
    student = next(key for key, spec in grid.runs.items() if spec.needs)
    assert (
        f" run {student} --home {grid.home.root} --data {grid.home.datasets} --method {toys.method.rpartition(':')[0]}"
        in (waves[1][0])
    )
    assert "colour.py:MeanColour" in waves[1][0]
    assert "--array=1-$(wc -l < wave-1.txt)" in (executor.folder / "array.sbatch").read_text()
    assert "parallel --jobs 2 < wave-2.txt" in (executor.folder / "parallel.sh").read_text()
    assert executor.said_of(handed_over).startswith("3 runs are left to do, a line each in ")


def test_what_is_written_again_holds_what_is_left(grid):
    executor = CommandsExecutor(grid.home)
    executor.hand_over(grid.runs)
    executor.hand_over(dict(list(grid.runs.items())[:1]))
    assert [path.name for path in sorted(executor.folder.glob("wave-*"))] == ["wave-1.txt"]


def test_it_does_no_run_itself_and_takes_no_options_of_jobs(grid):
    with pytest.raises(UsageError, match="--executor commands: does no runs itself"):
        CommandsExecutor(grid.home).run(grid.runs, lambda *_: pytest.fail("waits"))
    with pytest.raises(UsageError, match="--job hours: executor commands submits no jobs"):
        CommandsExecutor(grid.home, job={"hours": 3})


@pytest.mark.skipif(
    shutil.which("parallel") is None, reason="GNU parallel is not installed (Debian: apt-get install parallel)"
)
def test_gnu_parallel_does_the_lines(grid):
    executor = CommandsExecutor(grid.home, slots=1)
    executor.hand_over(grid.runs)
    done = subprocess.run(["sh", str(executor.folder / "parallel.sh")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert grid.unfinished() == {}


@pytest.mark.parametrize("status", [0, 3])
def test_the_job_template_does_its_line_and_passes_its_status_on(grid, tmp_path, status):
    executor = CommandsExecutor(grid.home)
    executor.hand_over(grid.runs)
    wave = tmp_path / "wave.txt"
    wave.write_text(f"false\nsh -c 'touch {tmp_path / 'done'}; exit {status}'\n")
    script = str(executor.folder / "array.sbatch")
    done = subprocess.run(
        ["bash", script, str(wave)], env={"SLURM_ARRAY_TASK_ID": "2", "PATH": "/usr/bin:/bin"}, check=False
    )
    assert done.returncode == status
    assert Path(tmp_path / "done").exists()


def test_a_line_starts_this_installation_also_where_its_program_is_not_on_disk(monkeypatch):
    monkeypatch.setattr(commands, "PROGRAM", "no such program")
    done = subprocess.run([*commands._program(), "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage" in done.stdout
