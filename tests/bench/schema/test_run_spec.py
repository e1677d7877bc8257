import json
import shutil
from pathlib import Path

import pytest
import yaml

from bench.base.errors import BenchError
from bench.base.ranks import ONE, Ranks
from bench.base.sealed import Damaged
from bench.ledger.scores import score_key
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.plugin.named import name_file
from bench.schema.protocol import MetricUse, load_protocol
from bench.schema.run_spec import RunSpec, code_hash, read_spec, write_spec
from bench.schema.scoring_plan import ScoringPlan

PLUGINS = Path(__file__).parents[2] / "plugins"


def spec_of(toys, method=None, seed=0, overrides=None, **settings) -> RunSpec:
    grid = Grid(toys.home)
    key = grid.add_run(resolve(method or toys.method, toys.protocol, "smoke", overrides, settings), seed)
    return grid.runs[key]


def test_the_key_is_the_same_for_the_same_run_and_starts_with_the_methods_name(toys):
    spec = spec_of(toys)
    assert spec.train_key == spec_of(toys).train_key
    name, _, digits = spec.train_key.partition("-")
    assert name == "toy"
    assert len(digits) == 16
    assert int(digits, 16) >= 0


def test_what_can_change_a_bit_changes_the_key(toys):
    spec = spec_of(toys)
    changes = {
        "seed": 1,
        "threads": 2,
        "device": "cuda",
        "ranks": Ranks(count=2),
        "config": spec.config | {"lr": 0.5},
        "revisions": spec.revisions | {"method": 2},
        "fingerprint": "another",
        "needs": {"teacher": "toy-0000000000000000"},
        "plugins": dict.fromkeys(spec.plugins, "another"),
    }
    keys = {name: spec.model_copy(update={name: value}).train_key for name, value in changes.items()}
    assert len({spec.train_key, *keys.values()}) == 1 + len(keys)


def test_several_ranks_are_in_the_key_and_one_is_as_it_was_before_there_could_be_more(toys, tmp_path):
    spec = spec_of(toys)
    several = [spec.model_copy(update={"ranks": Ranks(count=2, per_rank=alone)}) for alone in ((), ("batch_norm",))]
    assert len({one.train_key for one in (spec, *several)}) == 3
    for one in (spec, several[1]):
        path = tmp_path / one.train_key / "spec.json"
        write_spec(path, one)
        assert read_spec(path).ranks == one.ranks
    assert spec.ranks == ONE
    assert "ranks" not in json.loads((tmp_path / spec.train_key / "spec.json").read_text())


def test_what_changes_no_weight_does_not_change_the_key(toys):
    spec = spec_of(toys)
    more = spec.evaluation.model_copy(update={"scored_checkpoints": 4, "test_images": 2, "metrics": []})
    changed = spec.model_copy(update={"evaluation": more, "asked_by": ["somebody"]})
    assert changed.train_key == spec.train_key


def test_a_setting_written_out_with_its_default_is_the_same_run(toys):
    assert spec_of(toys, lr=0.05).train_key == spec_of(toys).train_key
    assert spec_of(toys, lr=0.06).train_key != spec_of(toys).train_key
    assert spec_of(toys, overrides={"lr": 0.06}).train_key == spec_of(toys, lr=0.06).train_key


def test_a_users_file_counts_by_its_content_not_its_place(toys, tmp_path):
    source = (PLUGINS / "toy.py").read_text()
    files = []
    for place, text in (("here", source), ("there", source), ("changed", source + "\n# changed\n")):
        (tmp_path / place).mkdir()
        files.append(tmp_path / place / "toy.py")
        files[-1].write_text(text)
    here, there, changed = (spec_of(toys, f"{file}:Toy").train_key for file in files)
    assert here == there == spec_of(toys).train_key
    assert changed != here


def test_two_classes_of_one_file_are_two_runs(toys):
    assert spec_of(toys, f"{PLUGINS / 'toy.py'}:Crash").train_key != spec_of(toys).train_key


def test_a_loss_named_in_the_configuration_counts_by_content_too(toys, tmp_path):
    source = (PLUGINS / "bad_losses.py").read_text()
    keys = []
    for place, text in (("here", source), ("there", source), ("changed", source + "\n# changed\n")):
        (tmp_path / place).mkdir()
        (tmp_path / place / "mine.py").write_text(text)
        keys.append(spec_of(toys, "cut", loss=f"{tmp_path / place / 'mine.py'}:Good").train_key)
    assert keys[0] == keys[1] != keys[2]
    assert spec_of(toys, "cut").train_key not in keys
    assert spec_of(toys, "cut", loss=f"{tmp_path / 'here' / 'mine.py'}:GoodAdversary").train_key not in keys


def test_the_pixels_decide_not_the_files(toys):
    first = spec_of(toys)
    folder = toys.home.datasets / "toys" / "trainA"
    (folder / "000.png").touch()
    assert spec_of(toys).fingerprint == first.fingerprint
    shutil.copy(folder / "000.png", folder / "001.png")
    assert spec_of(toys).train_key != first.train_key


def test_the_direction_decides_too(toys):
    first = spec_of(toys)
    toys.edit(data={"family": "folder", "name": "toys", "validation": 2, "direction": "BtoA"})
    backward = spec_of(toys)
    assert backward.train_key != first.train_key
    # the pairing rule changed where data is read from B to A, and nowhere else
    assert "pairing" not in first.revisions
    assert backward.revisions["pairing"] == 2
    assert (first.superseded, backward.superseded) == ("", "")
    older = {name: number for name, number in backward.revisions.items() if name != "pairing"}
    assert "by an earlier pairing rule" in backward.model_copy(update={"revisions": older}).superseded


def test_two_protocols_with_one_stand_in_are_one_run(toys, tmp_path):
    content = yaml.safe_load(toys.protocol_file.read_text())
    grid = Grid(toys.home)
    keys = []
    for name in ("horses", "cats"):
        file = tmp_path / f"{name}.yaml"
        stand_in = {"smoke": {"stand_in": str(toys.protocol_file), "why": "a test"}}
        file.write_text(yaml.safe_dump(content | {"name": name, "scales": stand_in}))
        keys.append(grid.add_run(resolve(toys.method, load_protocol(str(file)), "smoke"), 0))
    assert keys[0] == keys[1]
    assert len(grid.runs) == 1
    assert grid.runs[keys[0]].asked_by == ["horses@1 smoke", "cats@1 smoke"]


def test_a_run_that_two_ask_for_is_scored_for_both(toys):
    spec = spec_of(toys)
    more = spec.evaluation.model_copy(update={"scored_checkpoints": 3, "metrics": [MetricUse(metric="L1")]})
    merged = spec.merged(spec.model_copy(update={"evaluation": more, "asked_by": ["other"]}))
    assert [use.metric for use in merged.evaluation.metrics] == [spec.evaluation.metrics[0].metric, "L1"]
    assert merged.evaluation.scored_checkpoints == 3
    assert merged.asked_by == ["toys@1 smoke", "other"]
    assert merged.train_key == spec.train_key


def test_the_score_key_changes_with_what_is_measured(toys):
    spec = spec_of(toys)
    fewer = spec.model_copy(update={"evaluation": spec.evaluation.model_copy(update={"test_images": 2})})
    fid, kd = MetricUse(metric="FID"), MetricUse(metric="KD-EffLite0")
    keys = {
        score_key(spec, 4, "test", kd),
        score_key(spec, 2, "test", kd),
        score_key(spec, 4, "validation", kd),
        score_key(spec, 4, "test", fid),
        score_key(spec, 4, "test", MetricUse(metric="KD-EffLite0", settings={"subsets": 7})),
        score_key(spec_of(toys, seed=1), 4, "test", kd),
        score_key(fewer, 4, "test", kd),
    }  # fmt: skip
    assert len(keys) == 7
    assert score_key(spec, 4, "test", kd) == score_key(spec_of(toys), 4, "test", kd)


def test_a_users_metric_counts_by_its_content_not_its_place(toys, tmp_path):
    spec = spec_of(toys)
    source = (PLUGINS / "colour.py").read_text()
    keys = []
    for place, text in (("here", source), ("there", source), ("changed", source + "\n# changed\n")):
        (tmp_path / place).mkdir()
        (tmp_path / place / "colour.py").write_text(text)
        use = MetricUse(metric=f"{tmp_path / place / 'colour.py'}:MeanColour")
        name_file(use.metric)
        keys.append(score_key(spec, 4, "test", use))
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    ("count", "total", "epochs"),
    [(1, 7, [7]), (2, 4, [2, 4]), (3, 10, [3, 7, 10]), (80, 400, list(range(5, 401, 5))), (9, 4, [1, 2, 3, 4])],
)
def test_scored_checkpoints_are_spread_and_end_with_the_last(toys, count, total, epochs):
    evaluation = ScoringPlan(
        metrics=[], select_by="", counts="last", scored_checkpoints=count, test_images=None, validation_images=None
    )
    assert evaluation.epochs(total) == epochs


def test_a_spec_survives_its_file(toys, tmp_path):
    spec = spec_of(toys)
    file = tmp_path / spec.train_key / "spec.json"
    assert write_spec(file, spec) == ""
    assert read_spec(file) == spec
    assert read_spec(file).train_key == spec.train_key


FORMAT_1 = (
    '{"format":1,"method":"cut","label":"cut","revisions":{"method":1},"config":{"n_epochs":1,"n_epochs_decay":1},'
    '"data":{"family":"folder","name":"toys"},"fingerprint":"f","seed":0,"precision":"fp32","threads":1,"evaluation":'
    '{"metrics":[],"segmenter":null,"no_segmenter":"","select_by":"","counts":"last","scored_checkpoints":1,'
    '"test_images":null,"validation_images":null}}'
)


@pytest.fixture
def old(tmp_path) -> Path:
    """A `spec.json` of a time before devices and seals."""
    file = tmp_path / "cut-200ffe0bc64bce52" / "spec.json"
    file.parent.mkdir()
    file.write_text(FORMAT_1)
    return file


def test_a_run_of_a_time_before_devices_is_read_and_keeps_its_key(old):
    spec = read_spec(old)
    assert (spec.train_key, spec.device) == ("cut-200ffe0bc64bce52", "cpu")
    new = spec.model_copy(update={"format": 2})
    assert len({spec.train_key, new.train_key, new.model_copy(update={"device": "cuda"}).train_key}) == 3
    assert new.model_copy(update={"format": 3}).train_key == new.train_key  # the seal decides no weights
    write_spec(old, spec.model_copy(update={"asked_by": ["somebody"]}))
    assert read_spec(old).asked_by == ["somebody"]


def test_a_spec_of_a_time_before_seals_is_its_runs_alone(old):
    old.write_text(FORMAT_1.replace('"seed":0', '"seed":1'))
    with pytest.raises(
        Damaged, match=r"spec\.json: describes run cut-[0-9a-f]{16}; run the command that started it again"
    ):
        read_spec(old)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"format": None},
        {"asked_by": ["nobody"]},
        {"seal": None},
        {"seal": None, "format": None},
        {"seal": None, "format": 2},
    ],
)
def test_a_sealed_spec_cannot_be_turned_into_one_without_a_seal(toys, tmp_path, change):
    spec = spec_of(toys)
    file = tmp_path / spec.train_key / "spec.json"
    write_spec(file, spec)
    content = json.loads(file.read_text()) | change
    file.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))
    with pytest.raises(Damaged, match=r"spec\.json: .*; run the command that started it again, which writes it anew"):
        read_spec(file)


def test_a_damaged_spec_is_written_anew_and_what_was_wrong_is_returned(toys, tmp_path):
    spec = spec_of(toys)
    file = tmp_path / spec.train_key / "spec.json"
    write_spec(file, spec)
    file.write_text(file.read_text().replace('"seed": 0', '"seed": 1'))
    assert write_spec(file, spec).startswith(f"{file}: is not what was written of {spec.train_key}")
    assert read_spec(file) == spec


def test_what_two_commands_want_scored_stays_wanted(toys, tmp_path):
    """Whichever writes last: the same checkpoints on the same images are one plan of more metrics, others stand beside."""
    first = spec_of(toys)
    plan = first.evaluation
    second = first.model_copy(
        update={"evaluation": plan.model_copy(update={"metrics": [MetricUse(metric="L1")]}), "asked_by": ["b"]}
    )
    third = first.model_copy(update={"evaluation": plan.model_copy(update={"test_images": 2, "scored_checkpoints": 3})})
    file = tmp_path / first.train_key / "spec.json"
    for spec in (first, second, third, first):
        write_spec(file, spec)
    found = read_spec(file)
    assert {use.metric for use in found.evaluation.metrics} == {plan.metrics[0].metric, "L1"}
    assert [other.test_images for other in found.others] == [2]
    assert found.scored_epochs == sorted({*first.scored_epochs, *third.scored_epochs})
    assert set(found.asked_by) == {"toys@1 smoke", "b"}
    before = file.stat().st_mtime_ns
    write_spec(file, first)
    assert file.stat().st_mtime_ns == before


def test_a_plan_without_a_segmentation_network_asks_no_more_than_one_with_it(toys):
    spec = spec_of(toys)
    with_network = spec.model_copy(update={"evaluation": spec.evaluation.model_copy(update={"segmenter": "drn-1"})})
    assert with_network.beside(spec).plans == [with_network.evaluation]
    assert spec.beside(with_network).plans == [spec.evaluation, with_network.evaluation]
    assert spec.beside(with_network).comes_after == ["drn-1"]


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"format": 1', b"\xff\xfe"])
def test_a_damaged_spec_is_one_line_with_the_way_out(tmp_path, content):
    file = tmp_path / "spec.json"
    file.write_bytes(content)
    with pytest.raises(
        BenchError, match=r"spec\.json: .*; run the command that started it again, which writes it anew"
    ) as caught:
        read_spec(file)
    assert "\n" not in str(caught.value)
    with pytest.raises(BenchError, match=r"gone\.json: cannot be read: No such file"):
        read_spec(tmp_path / "gone.json")


def test_the_code_hash_is_of_the_installed_source():
    assert len(code_hash()) == 64
    assert code_hash() == code_hash()


def test_what_people_call_a_run_and_their_labels_change_no_key_and_no_older_record(toys, tmp_path):
    spec = spec_of(toys)
    assert (spec.called, spec.labels, spec.name) == ("", [], "toy")
    assert spec.title == "toy on toys, seed 0"
    named = spec.model_copy(update={"called": "toy{lr=1}", "labels": ["first"]})
    assert named.train_key == spec.train_key
    assert (named.name, named.title) == ("toy{lr=1}", "toy{lr=1} on toys, seed 0")
    path = tmp_path / spec.train_key / "spec.json"
    write_spec(path, spec)
    assert not {"called", "labels"} & json.loads(path.read_text()).keys()
    write_spec(path, named)
    write_spec(path, spec.model_copy(update={"labels": ["second"]}))  # of a command that calls it nothing
    assert (read_spec(path).called, read_spec(path).labels) == ("toy{lr=1}", ["second", "first"])


def test_a_run_of_an_earlier_version_is_called_by_the_users_class_that_it_is_about(toys):
    spec = spec_of(toys)
    about = {"config": spec.config | {"loss": "/there/mine.py:Mine"}, "plugins": {"/there/mine.py:Mine": "a" * 64}}
    assert spec.model_copy(update=about).name == "Mine"
