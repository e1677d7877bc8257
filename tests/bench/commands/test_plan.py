import json
import shutil

import pytest
from written_records import reseal, write_result

from bench.base.errors import UsageError
from bench.base.storage import write_json
from bench.commands.plan import plan_rows, print_plan
from bench.commands.status import chosen_rows, is_shown_in_full, print_status, status_rows
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.schema.table import load_table


@pytest.fixture
def grid(toys) -> Grid:
    """Two seeds of one setting and one of another."""
    grid = Grid(toys.home)
    for seed, lr in ((0, 0.05), (1, 0.05), (0, 0.9)):
        grid.add_run(resolve(toys.method, toys.protocol, "smoke", settings={"lr": lr}), seed)
    grid.write_specs()
    return grid


def finish(toys, key, seconds=90.0) -> None:
    write_result(toys.home.run(key), train_seconds=seconds)


def test_a_plan_has_a_row_per_run(toys, grid):
    rows = plan_rows(grid)
    assert [row.key for row in rows] == list(grid.runs)
    assert [(row.method, row.data, row.seed, row.state) for row in rows] == [
        ("toy", "toys", 0, "not run"),
        ("toy", "toys", 1, "not run"),
        ("toy", "toys", 0, "not run"),
    ]
    assert {row.expected_seconds for row in rows} == {None}


def test_a_finished_run_tells_what_its_like_will_take(toys, grid):
    first, second, other = grid.runs
    finish(toys, first)
    rows = {row.key: row for row in plan_rows(grid)}
    assert rows[first].state == "done"
    assert (rows[first].step, rows[first].total_steps) == (16, 16)
    assert rows[second].expected_seconds == 90.0
    assert rows[other].expected_seconds is None


def test_status_shows_what_the_folders_say(toys, grid):
    first, second, other = grid.runs
    finish(toys, first)
    write_json(toys.home.run(second).progress, {"step": 3, "total_steps": 16})
    write_json(toys.home.run(other).error, {"message": "loss G is not finite at step 3"})
    rows = {row.key: row for row in status_rows(toys.home)}
    assert (rows[first].state, rows[first].train_seconds) == ("done", 90.0)
    assert (rows[second].state, rows[second].reason) == ("not run", "3 of 16 steps are done")
    assert (rows[other].state, rows[other].reason) == ("failed", "loss G is not finite at step 3")
    assert rows[first].asked_by == ["toys@1 smoke"]
    assert rows[first].folder == str(toys.home.run(first).path)


def test_tables_for_people(toys, grid, capsys):
    first, second, _ = grid.runs
    finish(toys, first, 125.0)
    write_json(toys.home.run(second).error, {"message": "[bold]loss[/] is not finite"})
    print_status(status_rows(toys.home), toys.home.root, 3)
    shown = capsys.readouterr().out
    assert "2 min 05 s" in shown
    assert "[bold]" in shown  # a message is text, not markup
    assert "3 runs, 2 not done" in shown
    print_plan(grid, plan_rows(grid))
    shown = capsys.readouterr().out
    assert "0 cells" in shown
    assert "3 runs, 2 left to do" in shown


def test_a_narrow_terminal_cuts_nothing_off(toys, grid, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    keys = list(grid.runs)
    finish(toys, keys[0], 3.0)
    print_plan(grid, plan_rows(grid))
    shown = capsys.readouterr().out
    assert all(key in shown for key in keys)
    assert shown.splitlines()[0].split() == ["run", "seed", "data", "state", "steps", "expected", "key"]
    assert max(map(len, shown.splitlines()[:4])) <= 80


def test_a_plan_of_finished_runs_says_that_nothing_is_left(toys, grid, capsys):
    for key in grid.runs:
        finish(toys, key)
    print_plan(grid, plan_rows(grid))
    assert capsys.readouterr().out.endswith("nothing is left to run\n")


def test_a_plan_says_which_cells_would_have_no_score(toys, capsys):
    shutil.copytree(toys.home.datasets / "toys", toys.home.datasets / "horse2zebra")
    grid = Grid(toys.home)
    grid.add_table(load_table("src-hdce/main"), "paper", [0], ["fastcut"])
    print_plan(grid, plan_rows(grid))
    assert "1 of the planned cells would have no score: FID needs pt_inception-2015" in capsys.readouterr().out


def test_older_code_is_said(toys, grid, capsys):
    write_result(toys.home.run(next(iter(grid.runs))), code="0")
    print_status(status_rows(toys.home), toys.home.root, 3)
    assert "older" in capsys.readouterr().out


def test_an_empty_home_says_how_to_start(toys, capsys):
    assert status_rows(toys.home) == []
    print_status([], toys.home.root, 0)
    assert "start with: contrastbench reproduce" in " ".join(capsys.readouterr().out.split())


def test_a_run_that_cannot_be_read_does_not_hide_the_others(toys, grid, capsys):
    newer, damaged, good = (toys.home.run(key) for key in grid.runs)
    newer.spec.write_text('{"format": 4, "other": 1}')
    damaged.spec.write_text("{")
    rows = {row.key: row for row in status_rows(toys.home)}
    assert {key: row.state for key, row in rows.items()} == {
        newer.key: "unreadable",
        damaged.key: "unreadable",
        good.key: "not run",
    }
    assert len({tuple(row.model_dump()) for row in rows.values()}) == 1  # the same keys for whoever reads --json
    assert rows[newer.key].reason == (
        f"{newer.spec}: written by another version of contrastbench (format 4, this one reads 1 to 3); "
        "use that version, or another --home"
    )
    assert rows[damaged.key].reason.endswith("run the command that started it again, which writes it anew")
    print_status(list(rows.values()), toys.home.root, 3)
    assert "3 runs, 3 not done" in capsys.readouterr().out


def test_a_record_of_other_types_is_its_runs_alone_and_said(toys, grid):
    damaged = toys.home.run(next(iter(grid.runs)))
    finish(toys, damaged.key)
    reseal(damaged.result, "result", damaged.key, steps="many")
    for rows in (status_rows(toys.home), plan_rows(grid)):
        by_key = {row.key: row for row in rows}
        assert [row.state for row in rows].count("not run") == 2
        assert by_key[damaged.key].state == "damaged"
        assert by_key[damaged.key].reason == (
            f"{damaged.result}: steps: Input should be a valid integer; the run counts as not finished: run the command "
            "that started it again, which finishes it anew"
        )
        assert not is_shown_in_full(rows)


KEYS = (
    "key name method data seed labels asked_by needs state reason step total_steps train_seconds older_code no_seal "
    "folder"
)
COST = (
    "steps seconds_per_step measured expected_seconds peak_bytes disk_bytes kill_costs_seconds state_bytes_an_hour "
    "memory_bytes"
)


def test_what_json_shows_of_a_run(grid, toys):
    (row, *_), (planned, *_) = status_rows(toys.home), plan_rows(grid)
    assert list(row.model_dump()) == KEYS.split()
    assert list(planned.model_dump()) == [*KEYS.split(), *COST.split()]
    assert json.loads(planned.model_dump_json()) == planned.model_dump(mode="json")


@pytest.mark.parametrize("content", ["[1]", "null", "{}", "{"])
def test_a_record_that_is_none_is_read_as_missing(toys, grid, content):
    folder = toys.home.run(next(iter(grid.runs)))
    for file in (folder.progress, folder.error, folder.result):
        file.write_text(content)
        (row,) = [row for row in status_rows(toys.home) if row.key == folder.key]
        assert row.total_steps is None


def test_status_calls_runs_by_what_people_call_them(toys, grid, capsys):
    rows = status_rows(toys.home)
    assert {(row.name, row.seed) for row in rows} == {("toy", 0), ("toy", 1), ("toy{lr=0.9}", 0)}
    print_status(rows, toys.home.root, 3)
    shown = capsys.readouterr().out
    assert "toy{lr=0.9}" in shown
    assert "label" not in shown  # nobody gave one


def test_status_shows_what_is_asked_for(toys, grid, capsys):
    first, _, other = grid.runs
    finish(toys, first)
    labelled = Grid(toys.home, label="mine")
    labelled.add_run(resolve(toys.method, toys.protocol, "smoke", settings={"lr": 0.9}), 0)
    labelled.write_specs()
    rows = status_rows(toys.home)

    def keys(**wanted):
        return {row.key for row in chosen_rows(rows, wanted)}

    assert keys() == keys(method=["toy"], protocol=["toys"], scale=["smoke"]) == set(grid.runs)
    assert keys(label=["mine"]) == keys(method=["toy{lr=0.9}"]) == {other}
    assert keys(state=["done", "failed"]) == {first}
    assert keys(state=["done"], label=["mine"]) == keys(scale=["paper"]) == set()
    assert keys(protocol=["toys@1"]) == set(grid.runs)
    print_status(chosen_rows(rows, {"label": ["mine"]}), toys.home.root, len(rows))
    shown = capsys.readouterr().out
    assert shown.split()[0] == "label"
    assert "1 of 3 runs, 1 not done" in shown
    print_status([], toys.home.root, len(rows))
    assert capsys.readouterr().out == "0 of 3 runs, 0 not done\n"


@pytest.mark.parametrize(
    ("what", "value", "message"),
    [
        ("method", "tyo", "no method of a run here named 'tyo'; did you mean toy"),
        ("state", "finished", "no state of a run here named 'finished'"),
        ("label", "mine", "no label of a run here named 'mine'; known: none"),
    ],
)
def test_a_filter_that_no_run_can_fit_names_those_that_it_can(toys, grid, what, value, message):
    with pytest.raises(UsageError, match=message):
        chosen_rows(status_rows(toys.home), {what: [value]})
