"""What was found whole before is not checked again, and gives what checking gives."""

import json
import os
from pathlib import Path

import pytest
from filelock import FileLock
from written_records import write_result, write_score

from bench.base.checked import Checked
from bench.base.home import Home, RunFolder
from bench.commands.status import status_rows
from bench.ledger import folders
from bench.ledger.facts import facts_of_all
from bench.ledger.folders import examine
from bench.ledger.over_runs import over_runs
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.schema import run_spec
from bench.schema.cell import Interval
from bench.schema.run_spec import read_spec

SPLITS = ("train", "validation", "test")


@pytest.fixture
def grid(toys, monkeypatch) -> Grid:
    """Three finished runs, one of them of a time before seals."""
    monkeypatch.setattr("bench.base.checked.WORTH", 1)
    grid = Grid(toys.home)
    resolution = resolve(toys.method, toys.protocol, "paper")
    for seed in range(3):
        grid.add_run(resolution, seed)
    grid.write_specs()
    for number, (key, spec) in enumerate(grid.runs.items()):
        run = toys.home.run(key)
        write_result(run)
        use = spec.evaluation.metrics[0]
        interval = Interval(low=0.1, high=1, kind="evaluation", method="a bootstrap, ≈")
        write_score(run, spec, 4, "test", use, 1 / (number + 3), interval=interval, ceiling=1)
        write_score(run, spec, 4, "validation", use, None, state="not available", reason="no weights")
    old = toys.home.run(next(iter(grid.runs)))
    content = json.loads(old.result.read_text())
    for name in ("format", "seal", "parts", "losses", "time"):
        del content[name]
    old.result.write_text(json.dumps(content))
    return grid


def refuse(*_):
    raise AssertionError("checked again")


def without_checking(monkeypatch):
    """From here on no run may be checked that has a seal."""
    check = folders._examine

    def only_others(folder, contents):
        if b'"seal"' in folder.result.read_bytes():
            refuse()
        return check(folder, contents)

    monkeypatch.setattr(folders, "_examine", only_others)
    monkeypatch.setattr(run_spec, "_read_spec", refuse)


def test_a_second_command_finds_the_same_without_checking(grid, monkeypatch):
    home = grid.home
    plain = [examine(run) for run in home.runs()]
    specs = [read_spec(run.spec) for run in home.runs()]

    def both(run: RunFolder, checked: Checked):
        return examine(run, checked), read_spec(run.spec, checked)

    expected = list(zip(plain, specs, strict=True))
    assert list(over_runs(home, both, home.runs())) == expected
    assert home.checked.exists()
    without_checking(monkeypatch)
    again = list(over_runs(home, both, home.runs()))
    assert again == expected
    assert repr(again) == repr(expected)  # 1 and 1.0 are equal, and are not the same in a table


def test_verbs_say_the_same_with_and_without_what_is_remembered(grid, monkeypatch):
    rows = status_rows(grid.home)
    facts = facts_of_all(grid.home, grid.runs, grid.splits)
    without_checking(monkeypatch)
    assert repr(status_rows(grid.home)) == repr(rows)
    assert repr(facts_of_all(grid.home, grid.runs, grid.splits)) == repr(facts)
    monkeypatch.undo()
    grid.home.checked.unlink()
    assert repr(status_rows(grid.home)) == repr(rows)


def known(home: Home) -> Checked:
    """What is remembered of a whole home."""
    memory = Checked()
    for run in home.runs():
        examine(run, memory)
        read_spec(run.spec, memory)
    return memory


def files(grid: Grid) -> list[Path]:
    """Those that have a seal."""
    runs = [grid.home.run(key) for key in list(grid.runs)[1:]]
    return [path for run in runs for path in (run.result, run.metrics, run.spec, *sorted(run.scores.iterdir()))]


def test_whatever_happens_to_a_file_is_seen_though_its_size_and_time_stay(grid):
    memory = known(grid.home)
    for path in files(grid):
        run = RunFolder(grid.home.root / path.relative_to(grid.home.root).parts[0])
        whole, times = path.read_bytes(), path.stat()
        for place in range(0, len(whole), 97):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
            assert examine(run, memory) == examine(run)
            if path != run.spec:
                assert examine(run, memory).problems, (path, place)
        path.write_bytes(whole)
        assert examine(run, memory).problems == []


def test_other_files_in_a_runs_folder_are_seen(grid):
    home = grid.home
    memory = known(home)
    first, second = (home.run(key) for key in list(grid.runs)[1:])
    score, other = sorted(second.scores.iterdir())
    whole = score.read_bytes()
    score.unlink()
    assert examine(second, memory) == examine(second)
    assert len(examine(second, memory).scores) == 1
    score.write_bytes(whole)
    (second.scores / "more.json").write_bytes(whole)
    assert len(examine(second, memory).problems) == 1
    (second.scores / "more.json").unlink()
    score.write_bytes(other.read_bytes())  # contents that are known, at another place
    assert len(examine(second, memory).problems) == 1
    score.write_bytes(whole)
    for name in ("result", "metrics"):
        getattr(second, name).write_bytes(getattr(first, name).read_bytes())
    assert len(examine(second, memory).problems) == 1


def test_nothing_is_remembered_of_what_is_damaged_unfinished_or_of_a_time_before_seals(grid):
    unsealed, _, damaged = (grid.home.run(key) for key in grid.runs)
    damaged.metrics.write_bytes(damaged.metrics.read_bytes() + b'{"step": 17, "epoch": 5}\n')
    for run in (unsealed, damaged):
        memory = Checked()
        examine(run, memory)
        assert memory.take_new() == []
    damaged.result.unlink()
    memory = Checked()
    assert examine(damaged, memory).state == "not run"
    assert memory.take_new() == []


def test_the_log_of_a_run_that_somebody_does_is_checked_before_it_is_remembered(grid):
    run = grid.home.run(list(grid.runs)[1])
    lines = run.metrics.read_bytes()
    run.metrics.write_bytes(lines + b"x\n")
    memory = Checked()
    with FileLock(run.lock):
        assert examine(run, memory).problems == []
    assert memory.take_new() == []
    assert len(examine(run, memory).problems) == 1


def test_a_forged_memory_ends_in_no_other_error(grid):
    """Whoever can write it could as well write another seal; but it is data."""
    run = grid.home.run(list(grid.runs)[1])
    score = sorted(run.scores.iterdir())[0]
    score.write_text("{}")
    memory = Checked()
    contents = folders.read_contents(run)
    memory.add(contents.stamp(run.key))
    memory.add(run_spec.stamp("spec", run.key, b"[]"))
    assert examine(run, memory) == examine(run)
    run.spec.write_bytes(b"[]")
    with pytest.raises(run_spec.Damaged, match="holds no JSON object"):
        read_spec(run.spec, memory)
