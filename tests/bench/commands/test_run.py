import shutil
from pathlib import Path

import pytest
from filelock import FileLock
from written_records import write_result

from bench.base.errors import UsageError
from bench.commands.run import NotNow, run
from bench.ledger.folders import run_state
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.plugin.named import VARIABLE
from bench.schema.run_spec import read_spec


@pytest.fixture
def mine(tmp_path):
    """A user's file of a method."""
    file = tmp_path / "laptop" / "mine.py"
    file.parent.mkdir()
    shutil.copy(Path(__file__).parents[2] / "plugins" / "toy.py", file)
    return file


def planned(toys, method, device="cpu", **settings):
    grid = Grid(toys.home, device)
    key = grid.add_run(resolve(method, toys.protocol, "smoke", settings=settings), 0)
    grid.write_specs()
    return grid, key


def go(toys, key, device=None, **files):
    return run(toys.home, key, files, device, debug=False)


def test_one_run_where_the_users_file_lies_elsewhere(toys, mine, tmp_path, capsys):
    _, key = planned(toys, f"{mine}:Toy")
    there = tmp_path / "node" / "copy.py"
    there.parent.mkdir()
    mine.rename(there)
    with pytest.raises(UsageError, match=r"mine\.py: is not here, .* say where that is with --method FILE:NAME"):
        go(toys, key)
    assert go(toys, key.rpartition("-")[2][:8], "auto", method=f"{there}:Toy")
    assert run_state(toys.home.run(key)) == ("done", "")
    spec = read_spec(toys.home.run(key).spec)
    assert (spec.train_key, spec.method) == (key, f"{there}:Toy")
    assert "done toy on toys, seed 0" in capsys.readouterr().out


def test_a_file_that_is_not_the_planned_one_is_refused_naming_both(toys, mine, tmp_path):
    _, key = planned(toys, f"{mine}:Toy")
    other = tmp_path / "other.py"
    other.write_text(mine.read_text() + "\n# another idea\n")
    with pytest.raises(UsageError) as caught:
        go(toys, key, method=f"{other}:Toy")
    planned_as = read_spec(toys.home.run(key).spec).plugins[f"{mine}:Toy"][:16]
    assert f"--method {other}:Toy: its sha256 is " in str(caught.value)
    assert f"was planned with {mine}:Toy, {planned_as}..." in str(caught.value)
    with pytest.raises(UsageError, match=r"was planned with .*mine\.py:Toy; name that class"):
        go(toys, key, method=f"{mine}:Crash")
    with pytest.raises(
        UsageError, match=rf"--loss patchnce: the loss of run {key} is None, no file; leave the option out"
    ):
        go(toys, key, loss="patchnce")
    with pytest.raises(UsageError, match="no run under"):
        go(toys, "cut-0123")


def test_modules_beside_the_users_file_go_with_it(toys, mine, tmp_path, monkeypatch, capsys):
    """In the process of the run too; an edit of one is another run, and the recorded one is refused with it."""
    helper = mine.with_name("shades.py")
    helper.write_text("SHIFT = 0.5\n")
    mine.write_text(mine.read_text().replace("import torch\n", "import torch\nfrom shades import SHIFT\n", 1))
    _, key = planned(toys, f"{mine}:Toy")
    shutil.copytree(mine.parent, tmp_path / "node")
    helper.write_text("SHIFT = 5.0\n")
    other = Grid(toys.home)
    assert other.add_run(resolve(f"{mine}:Toy", toys.protocol, "smoke"), 0) != key
    with pytest.raises(UsageError, match=r"mine\.py: is not the file of sha256 .* or a module or data file of it"):
        go(toys, key)
    assert go(toys, key, method=f"{tmp_path / 'node' / 'mine.py'}:Toy")
    capsys.readouterr()
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(UsageError, match=r"runs this file; if you trust it, say so: --method .*mine\.py:Toy"):
        go(toys, key)


def test_a_run_that_fails_is_shown_and_is_not_done(toys, capsys):
    _, key = planned(toys, toys.method, explode_at=3)
    assert not go(toys, key)
    assert "loss G is not finite at step 3" in capsys.readouterr().out


def test_what_cannot_be_done_here_and_now_has_a_status_of_its_own(toys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    _, on_card = planned(toys, toys.method, device="cuda")
    with pytest.raises(NotNow, match="torch sees no CUDA device here") as caught:
        go(toys, on_card)
    assert caught.value.exit_status == 3
    with pytest.raises(UsageError, match=r"--device cpu: run .* was planned for cuda"):
        go(toys, on_card, device="cpu")

    grid, student = planned(toys, toys.method.replace(":Toy", ":NeedsTeacher"))
    teacher = grid.runs[student].needs["teacher"]
    with pytest.raises(
        NotNow, match=f"comes after run {teacher}, which is not run; first: contrastbench run {teacher}"
    ):
        go(toys, student)
    with FileLock(toys.home.run(teacher).lock), pytest.raises(NotNow, match=f"another process does run {teacher}"):
        go(toys, teacher)
    (toys.home.datasets / "toys").rename(toys.home.datasets / "gone")
    with pytest.raises(NotNow, match="toys"):
        go(toys, teacher)


def test_the_file_of_a_needed_run_is_found_too(toys, mine, tmp_path, capsys):
    grid, student = planned(toys, f"{mine}:NeedsTeacher")
    there = tmp_path / "copy.py"
    mine.rename(there)
    teacher = grid.runs[student].needs["teacher"]
    write_result(toys.home.run(teacher))
    with FileLock(toys.home.run(student).lock), pytest.raises(NotNow, match="another process"):
        go(toys, student, method=f"{there}:NeedsTeacher")
    assert read_spec(toys.home.run(student).spec).method == f"{mine}:NeedsTeacher"  # its owner's business
    assert not go(toys, student, method=f"{there}:NeedsTeacher")
    assert "checkpoint is incomplete" in capsys.readouterr().out  # the teacher was built, from its file's new place
    assert read_spec(toys.home.run(teacher).spec).method == f"{there}:Toy"
