"""Tables and comparisons as parents of their runs."""

import json
from pathlib import Path

from bench.base.sealed import write_sealed
from bench.schema.cell import Measured
from bench.schema.run_spec import read_spec, write_spec
from bench.tracking.ledger_view import COLOURS, Ledger


def test_a_table_is_the_parent_of_its_runs(board, cell, write_table):
    keys = {seed: board.train(seed) for seed in (0, 1)}
    judged = Measured(metric="MeanColour", checkpoint="last", values={0: 1.0}, score_keys={}, verdict="consistent")
    write_table(
        board.home,
        [
            cell("Other", {}, method=None, state="not implemented", ran_as=None),
            cell("Toy+", keys, comparability="deviating", deviations=["ngf 64 -> 8"], measured={"last": judged}),
        ],
    )
    board.project()
    parent = board.mlflow_run("table:toys/main:smoke:toys@1")
    assert parent.info.run_name == "toys/main, smoke"
    assert parent.info.status == "FINISHED"
    names = {file.path for file in board.client.list_artifacts(parent.info.run_id)}
    assert names == {"cells.json", "table.md", "samples-toys.png"}
    assert parent.data.tags["state"] == "2 done"
    assert parent.data.tags["all_of_it"] == "1 cells not implemented, 1 cells done"
    for seed, key in keys.items():
        run = board.mlflow_run(key)
        assert run.info.run_name == f"Toy+, seed {seed}"
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.info.experiment_id == parent.info.experiment_id
        assert run.data.tags["comparability"] == "deviating"
        assert run.data.tags["verdict"] == "Toys FID: consistent"
        assert run.data.tags["deviations"] == "ngf 64 -> 8"
        assert run.data.tags["mlflow.runColor"] == COLOURS[0]


def test_a_run_that_joins_a_table_later_moves_below_it(board, cell, write_table):
    key = board.train()
    board.project()
    assert board.mlflow_run(key).info.run_name == "toy, seed 0"
    write_table(board.home, [cell("Toy+", {0: key})])
    board.project()
    run = board.mlflow_run(key)
    assert run.info.run_name == "Toy+, seed 0"
    parent = board.mlflow_run("table:toys/main:smoke:toys@1")
    assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
    board.assert_complete(key)


def test_a_changed_table_file_is_attached_again(board, tmp_path, cell, write_table):
    key = board.train()
    write_table(board.home, [cell("Toy+", {0: key})])
    board.project()
    (board.home.table("toys/main", "smoke") / "table.md").write_text("# Toys, again")
    assert board.project().written == 1
    parent = board.mlflow_run("table:toys/main:smoke:toys@1")
    path = board.client.download_artifacts(parent.info.run_id, "table.md", str(tmp_path))
    assert Path(path).read_text() == "# Toys, again"


def test_a_comparison_is_a_parent_too(board):
    keys = [board.train(0), board.train(0, lr=0.1)]
    folder = board.home.root / "comparisons" / "mine"
    folder.mkdir(parents=True)
    contenders = [
        {"label": label, "deviations": [], "train_keys": {"0": key}, "problems": []}
        for label, key in zip(("mine", "cut"), keys, strict=True)
    ]
    duel = {"metric": "MeanColour", "rival": "cut", "judgement": "better"}
    found = {"name": "mine-vs-cut", "protocol": "toys@1", "ran_as": "toys@1", "scale": "smoke"}
    (folder / "comparison.json").write_text(json.dumps(found | {"contenders": contenders, "duels": [duel]}))
    board.project()
    parent = board.mlflow_run("comparison:mine-vs-cut:smoke:toys@1")
    assert parent.info.run_name == "mine-vs-cut, smoke"
    mine, cut = (board.mlflow_run(key) for key in keys)
    assert (mine.info.run_name, cut.info.run_name) == ("mine, seed 0", "cut, seed 0")
    assert mine.data.tags["verdict"] == "MeanColour against cut: better"
    assert "verdict" not in cut.data.tags
    assert mine.data.tags["comparability"] == "as published"


def test_a_run_in_two_groups_is_shown_once_and_says_both(board, cell, write_table):
    key = board.train()
    write_table(board.home, [cell("Toy+", {0: key}), cell("Toy+", {0: key}, column="Toys mAP")])
    ledger = Ledger(board.home)
    assert ledger.run(key).tags["part_of"] == (
        "table toys/main, row Toy+, column Toys FID; table toys/main, row Toy+, column Toys mAP"
    )
    assert board.project().runs == 1
    board.mlflow_run(key)  # one, or it fails


def test_a_needed_run_stands_beside_the_run_that_needs_it(board, toys, cell, write_table):
    from bench.plan.grid import Grid
    from bench.plan.resolve import resolve
    from bench.run.execute import execute
    from bench.run.process import ProgressFile

    grid = Grid(board.home)
    reference = toys.method.replace(":Toy", ":NeedsTeacher")
    key = grid.add_run(resolve(reference, toys.protocol, "smoke"), 0)
    grid.write_specs()
    for each in grid.runs:
        execute(board.home, each, ProgressFile(board.home.run(each)))
    write_table(board.home, [cell("Needs", {0: key})])
    board.project()
    (teacher,) = grid.runs[key].needs.values()
    parent = board.mlflow_run("table:toys/main:smoke:toys@1")
    assert board.mlflow_run(teacher).data.tags["mlflow.parentRunId"] == parent.info.run_id


def test_a_run_in_no_group_is_called_by_what_people_call_it_and_has_its_label(board):
    key = board.train(0, lr=0.1)
    path = board.home.run(key).spec
    write_spec(path, read_spec(path).model_copy(update={"labels": ["first-try"]}))
    board.project()
    run = board.mlflow_run(key)
    assert run.info.run_name == "toy{lr=0.1}, seed 0"
    assert run.data.tags["label"] == "first-try"


def test_the_tries_of_a_sweep_stand_below_their_comparison(board):
    keys = [board.train(0), board.train(0, lr=0.1), board.train(0, lr=0.2)]
    folder = board.home.root / "comparisons" / "mine-vs-cut"
    folder.mkdir(parents=True)
    content = {"deviations": [], "problems": []}
    tries = [{"label": f"mine{{lr={i}}}", "train_keys": {"0": key}} for i, key in enumerate(keys[:2])]
    contenders = [
        content | {"label": "mine", "train_keys": {"0": keys[0]}, "tries": tries},
        content | {"label": "cut", "train_keys": {"0": keys[2]}},
    ]
    duel = {"metric": "MeanColour", "candidate": "mine", "rival": "cut", "judgement": "better"}
    found = {"name": "mine-vs-cut", "protocol": "toys@1", "ran_as": "toys@1", "scale": "smoke", "format": 3}
    write_sealed(
        folder / "comparison.json", "comparison", folder.name, found | {"contenders": contenders, "duels": [duel]}
    )
    board.project()
    chosen, tried, cut = (board.mlflow_run(key) for key in keys)
    assert [run.info.run_name for run in (chosen, tried, cut)] == ["mine, seed 0", "mine{lr=1}, seed 0", "cut, seed 0"]
    assert chosen.data.tags["verdict"] == "MeanColour against cut: better"
    assert "verdict" not in tried.data.tags
    assert tried.data.tags["part_of"] == "comparison mine-vs-cut, a try of mine"
