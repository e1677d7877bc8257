"""Cells from hand-made score files: the three verdict fields, the checkpoint rules, and every state."""

import json
from pathlib import Path

import pytest
import yaml
from written_records import write_result, write_score

from bench.base.storage import write_json
from bench.ledger.folders import ScoreRow
from bench.ledger.scores import score_key
from bench.plan.grid import Grid, PlannedCell
from bench.plan.resolve import resolve
from bench.schema.cell import CHECKPOINTS
from bench.schema.protocol import load_protocol
from bench.schema.records import Made
from bench.schema.table import Table, TableCell
from bench.verdict.cells import _why_none_is, cells_of

MEAN = f"{Path(__file__).parents[2] / 'plugins' / 'colour.py'}:MeanColour"
TABLE = Table.model_construct(name="toys/main", paper="toys")


def plan(toys, published=None, seeds=3, scale="paper", metric=MEAN, protocol=None, **settings) -> Grid:
    """A grid of one cell over the toys, whose method has 2 + 2 epochs."""
    grid = Grid(toys.home)
    entry = TableCell(
        paper="toys", table="toys/main", row="toy", column="toys x", method=toys.method, variant="", overrides={},
        protocol="toys@1", metric=metric, higher_is_better=False, published=published, published_source="page 1",
        published_note="", extra=False,
    )  # fmt: skip
    resolution = resolve(toys.method, protocol or toys.protocol, scale, None, settings)
    keys = {seed: grid.add_run(resolution, seed) for seed in range(seeds)}
    grid.cells.append(PlannedCell(entry, TABLE, scale, resolution, keys))
    grid.write_specs()
    return grid


def finish(grid: Grid, seed: int, test: dict[int, float], validation: dict[int, float] | None = None, **more) -> None:
    """Write scores at epochs and `result.json` of one seed's run."""
    key = grid.cells[0].keys[seed]
    spec, folder = grid.runs[key], grid.home.run(key)
    (use,) = [use for use in spec.evaluation.metrics if use.metric == MEAN]
    for split, values in (("test", test), ("validation", validation or {})):
        for epoch, value in values.items():
            write_score(folder, spec, epoch, split, use, value, **more)
    write_result(folder)


def filled(grid: Grid):
    (cell,) = cells_of(grid)
    return cell


@pytest.fixture
def as_published(toys):
    """The toys without held-out images: nothing of the paper's scale deviates."""
    toys.edit(data={"family": "folder", "name": "toys"})
    return toys


@pytest.mark.parametrize(
    ("published", "values", "verdict"),
    [
        (10.0, [9.0, 10.0, 11.5], "consistent"),
        (1.0, [9.0, 10.0, 11.0], "worse"),
        (99.0, [9.0, 10.0, 11.0], "better"),
        (10.0, [10.0, 10.1], "underpowered"),
        (None, [9.0, 10.0, 11.0], None),
    ],
)
def test_the_three_fields_of_a_cell_that_ran_as_published(as_published, published, values, verdict):
    grid = plan(as_published, published, len(values))
    for seed, value in enumerate(values):
        finish(grid, seed, {4: value})
    cell = filled(grid)
    assert (cell.state, cell.comparability, cell.deviations) == ("done", "as published", [])
    assert cell.value.values == dict(enumerate(values))
    assert cell.value.mean == pytest.approx(sum(values) / len(values))
    assert cell.value.verdict == verdict
    assert cell.value.interval.kind == "seeds"
    assert set(cell.value.score_keys) == set(range(len(values)))
    assert cell.train_keys == grid.cells[0].keys


def test_a_setting_of_the_users_makes_it_deviating_without_a_verdict(as_published):
    grid = plan(as_published, 10.0, lr=0.01)
    for seed in range(3):
        finish(grid, seed, {4: 10.0 + seed})
    cell = filled(grid)
    assert (cell.comparability, cell.deviations) == ("deviating", ["lr 0.05 -> 0.01"])
    assert cell.value.verdict is None
    assert cell.value.mean == 11.0


def test_another_metric_or_other_data_is_a_stand_in_never_judged(as_published, tmp_path):
    content = yaml.safe_load(as_published.protocol_file.read_text())
    stand_in = {"paper": {"stand_in": str(as_published.protocol_file), "why": "a test"}}
    asked = tmp_path / "asked.yaml"
    asked.write_text(yaml.safe_dump(content | {"name": "asked", "scales": stand_in, "stand_in_metrics": {"FID": MEAN}}))
    grid = plan(as_published, 10.0, metric="FID", protocol=load_protocol(str(asked)))
    for seed in range(3):
        finish(grid, seed, {4: 10.0 + seed})
    cell = filled(grid)
    assert (cell.state, cell.comparability) == ("done", "stand-in")
    assert (cell.metric, cell.scored_as) == ("FID", MEAN)
    assert cell.ran_as == "toys@1"
    assert cell.deviations == ["stand-in data toys@1 for asked@1"]
    assert cell.value.verdict is None


def test_the_three_checkpoint_rules_side_by_side(toys):
    grid = plan(toys, 10.0, seeds=1, scale="smoke")  # scored at epochs 2 and 4
    finish(grid, 0, test={2: 5.0, 4: 7.0}, validation={2: 9.0, 4: 8.0})
    cell = filled(grid)
    assert {rule: cell.measured[rule].values for rule in CHECKPOINTS} == {
        "last": {0: 7.0},
        "best-on-validation": {0: 7.0},
        "best-on-test": {0: 5.0},
    }
    finish(grid, 0, test={2: 5.0, 4: 7.0}, validation={2: 7.5, 4: 8.0})
    assert filled(grid).measured["best-on-validation"].values == {0: 5.0}


def test_the_rule_that_counts_is_the_protocols(toys):
    toys.edit(counts="best-on-validation")
    grid = plan(toys, seeds=1, scale="smoke")
    finish(grid, 0, test={2: 5.0, 4: 7.0}, validation={2: 1.0, 4: 2.0})
    cell = filled(grid)
    assert cell.counts == "best-on-validation"
    assert cell.value.values == {0: 5.0}


def test_no_validation_images_leave_that_rule_out(as_published):
    as_published.edit(counts="best-on-validation")
    grid = plan(as_published, seeds=1, scale="smoke")
    finish(grid, 0, test={2: 5.0, 4: 7.0})
    cell = filled(grid)
    assert set(cell.measured) == {"last", "best-on-test"}
    assert cell.state == "not available"
    assert cell.reason == "no checkpoint is best-on-validation: the data set has no validation images"


def test_a_tie_goes_to_the_later_checkpoint(toys):
    grid = plan(toys, seeds=1, scale="smoke")
    finish(grid, 0, test={2: 5.0, 4: 5.0}, validation={2: 9.0, 4: 9.0})
    key = score_key(grid.runs[grid.cells[0].keys[0]], 4, "test", grid.runs[grid.cells[0].keys[0]].evaluation.metrics[0])
    assert {measured.score_keys[0] for measured in filled(grid).measured.values()} == {key}


def test_one_seed_shows_the_interval_of_its_evaluation(as_published):
    grid = plan(as_published, 10.0, seeds=1)
    noise = {"low": 4.0, "high": 6.0, "kind": "evaluation", "method": "jackknife"}
    finish(grid, 0, {4: 5.0}, interval=noise)
    cell = filled(grid)
    assert (cell.value.interval.kind, cell.value.interval.low) == ("evaluation", 4.0)
    assert cell.value.verdict == "underpowered"


def test_seeds_that_are_not_done_are_counted_and_named(as_published):
    grid = plan(as_published, 10.0)
    assert (filled(grid).state, filled(grid).reason) == ("not run", "3 of 3 seeds not run")
    finish(grid, 0, {4: 5.0})
    finish(grid, 1, {4: 5.5})
    folder = grid.home.run(grid.cells[0].keys[2])
    write_json(folder.progress, {"step": 3, "total_steps": 24})
    cell = filled(grid)
    assert (cell.state, cell.reason) == ("not run", "1 of 3 seeds not run; 3 of 24 steps are done")
    assert cell.comparability is None
    assert cell.measured["last"].values == {0: 5.0, 1: 5.5}
    assert {measured.verdict for measured in cell.measured.values()} == {None}  # two of three seeds are no verdict
    write_json(folder.error, {"message": "loss G is not finite at step 3"})
    cell = filled(grid)
    assert (cell.state, cell.reason) == ("failed", "1 of 3 seeds failed; loss G is not finite at step 3")


def test_a_rule_that_not_all_seeds_have_is_shown_without_a_verdict(as_published):
    as_published.edit(scales={"paper": {"why": "as published", "scored_checkpoints": 2}})
    grid = plan(as_published, 10.0, seeds=4)
    for seed in range(3):
        finish(grid, seed, {2: 9.0, 4: 5.0 + seed / 10})
    finish(grid, 3, {4: 5.5})  # the score of epoch 2 is damaged, say: which epoch is best is not known
    cell = filled(grid)
    assert (cell.state, cell.comparability) == ("done", "as published")
    assert cell.measured["last"].verdict == "better"
    assert set(cell.measured["best-on-test"].values) == {0, 1, 2}
    assert cell.measured["best-on-test"].verdict is None
    finish(grid, 3, {2: 9.0})
    assert filled(grid).measured["best-on-test"].verdict == "better"


def test_a_score_this_machine_cannot_give_says_why(as_published):
    grid = plan(as_published, 10.0, seeds=1)
    finish(grid, 0, {4: None}, state="not available", reason="weights are missing; get them")
    cell = filled(grid)
    assert (cell.state, cell.reason) == ("not available", "weights are missing; get them")
    assert cell.measured == {}


def test_a_score_that_failed_says_why(as_published):
    grid = plan(as_published, 10.0, seeds=1)
    finish(grid, 0, {4: None}, state="failed", reason="images do not fit")
    assert (filled(grid).state, filled(grid).reason) == ("failed", "images do not fit")


def test_a_blocked_cell_keeps_its_reason(as_published):
    grid = plan(as_published, 10.0)
    grid.cells[0].blocked = ("not implemented", "metric mAP does not exist yet")
    cell = filled(grid)
    assert (cell.state, cell.reason) == ("not implemented", "metric mAP does not exist yet")
    assert (cell.published, cell.measured, cell.comparability) == (10.0, {}, None)


def test_other_metrics_of_the_same_runs_are_shown_beside(as_published):
    as_published.edit(metrics=[{"metric": MEAN}, {"metric": "L1"}])
    grid = plan(as_published, 10.0, seeds=1)
    finish(grid, 0, {4: 5.0})
    spec = grid.runs[grid.cells[0].keys[0]]
    folder = grid.home.run(spec.train_key)
    write_score(folder, spec, 4, "test", spec.evaluation.metrics[1], 0.25)
    cell = filled(grid)
    assert {name: measured.values for name, measured in cell.extra.items()} == {"L1": {0: 0.25}}


def test_a_result_of_older_code_is_marked_and_still_shown(as_published):
    grid = plan(as_published, 10.0, seeds=1)
    finish(grid, 0, {4: 5.0})
    write_result(grid.home.run(grid.cells[0].keys[0]), code="0" * 64)
    cell = filled(grid)
    assert cell.state == "done"
    assert cell.deviations == ["older code: the run was made by an earlier version of contrastbench"]
    assert cell.value.values == {0: 5.0}


def test_a_cell_names_its_device_and_never_mixes_two(as_published):
    grid = plan(as_published, 10.0, seeds=2)
    for seed in range(2):
        finish(grid, seed, {4: 5.0})
    assert (filled(grid).state, filled(grid).device) == ("done", "cpu")
    key = grid.cells[0].keys[1]
    grid.runs[key] = grid.runs[key].model_copy(update={"device": "cuda"})
    cell = filled(grid)
    assert (cell.state, cell.reason) == (
        "failed",
        "its runs compute on cpu and cuda; plan all of them with one --device",
    )
    assert cell.measured == {}


def test_a_damaged_score_file_is_not_a_number(as_published):
    grid = plan(as_published, 10.0, seeds=1)
    finish(grid, 0, {4: 5.0})
    for file in grid.home.run(grid.cells[0].keys[0]).scores.iterdir():
        file.write_text('{"state": "do')
    cell = filled(grid)
    assert (cell.state, cell.measured) == ("not run", {})


def test_a_score_of_older_code_is_marked_beside_a_run_of_this_one(as_published):
    grid = plan(as_published, 10.0, seeds=1)
    finish(grid, 0, {4: 5.0}, made=Made(code="0" * 64, versions={}))
    assert filled(grid).deviations == ["older code: a score was made by an earlier version of contrastbench"]


def test_a_damaged_score_is_missing_and_its_cell_says_why(as_published):
    grid = plan(as_published, 10.0, seeds=1)
    finish(grid, 0, {4: 5.0})
    (score,) = grid.home.run(grid.cells[0].keys[0]).scores.glob("*.json")
    score.write_text(score.read_text().replace('"value": 5.0', '"value": 4.0'))
    cell = filled(grid)
    assert (cell.state, cell.measured) == ("not run", {})
    assert cell.reason.startswith(f"{score}: is not what was written")
    assert cell.reason.endswith("run the command that wanted it again, which measures it anew")


def test_records_of_a_time_before_seals_fill_cells_and_are_said_to_have_none(as_published):
    grid = plan(as_published, 10.0, seeds=1)
    finish(grid, 0, {4: 5.0})
    folder = grid.home.run(grid.cells[0].keys[0])
    new = ("format", "seal", "made", "checkpoint", "parts", "losses", "time")
    for path in (folder.result, *folder.scores.glob("*.json")):
        content = json.loads(path.read_text())
        write_json(path, {name: value for name, value in content.items() if name not in new})
    cell = filled(grid)
    assert cell.value.values == {0: 5.0}
    assert cell.deviations == [
        "no seal: made by a version of contrastbench that kept no checksums of results and scores"
    ]


def test_a_rule_that_picks_nothing_says_whether_scores_or_images_are_missing():
    gone = "the checkpoint of epoch 2 is gone (--keep last)"
    rows = [
        ScoreRow(2, "validation", "FID", "", "done", ""),
        ScoreRow(2, "validation", "FID", "", "not available", gone),
        ScoreRow(2, "test", "FID", "", "not available", "others"),
    ]
    assert _why_none_is("best-on-validation", rows) == f"no checkpoint is best-on-validation: {gone}"
    assert _why_none_is("best-on-test", rows) == "no checkpoint is best-on-test: others"
    none = _why_none_is("best-on-validation", rows[2:])
    assert none == "no checkpoint is best-on-validation: the data set has no validation images"


def test_a_row_of_training_images_shows_what_the_columns_method_was_measured_beside(as_published):
    grid = plan(as_published, seeds=1)
    finish(grid, 0, {4: 5.0}, ceiling=7.0)
    target = grid.cells[0].entry.model_copy(update={"row": "training images", "method": None, "is_target": True})
    grid.cells.append(PlannedCell(target, TABLE, "paper", blocked=("not run", "measured with the first method")))
    method, training = cells_of(grid)
    assert (method.value.values, method.value.ceiling) == ({0: 5.0}, 7.0)
    assert (training.state, training.reason, training.value.values) == ("done", "", {0: 7.0})
