from pathlib import Path

import pytest
import yaml

from bench.base.errors import UsageError
from bench.plan.resolve import resolve
from bench.plugin.discovery import load_method, plugins
from bench.schema.bounded_yaml import read_yaml
from bench.schema.protocol import SCALES, Scale, load_protocol, protocol_names

PROTOCOLS = sorted(protocol_names())


@pytest.fixture
def file(toys) -> Path:
    return toys.protocol_file


@pytest.mark.parametrize("name", PROTOCOLS)
class TestBuiltIn:
    def test_loads_by_name_and_by_version(self, name):
        protocol = load_protocol(name)
        assert load_protocol(protocol.id) == protocol
        assert set(protocol.scales) == set(SCALES)

    def test_every_metric_exists(self, name):
        protocol = load_protocol(name)
        known = plugins("metric").keys()
        assert {use.metric for use in protocol.metrics} <= known
        assert set(protocol.stand_in_metrics.values()) <= known

    def test_every_override_of_a_scale_is_a_setting_of_some_method(self, name):
        protocol = load_protocol(name)
        fields = {field for method in plugins("method") for field in load_method(method).Config.model_fields}
        for scale in protocol.scales.values():
            assert set(scale.overrides) <= fields

    def test_every_scale_ends_at_data_of_the_same_task(self, name):
        protocol = load_protocol(name)
        for scale_name, scale in protocol.scales.items():
            if scale.stand_in:
                ran = load_protocol(scale.stand_in)
                assert ran.task == protocol.task
                assert ran.scale(scale_name).stand_in is None
                assert set(protocol.stand_in_metrics.values()) <= {use.metric for use in ran.metrics}

    def test_some_method_of_its_task_has_its_recipe(self, name):
        protocol = load_protocol(name)
        methods = [load_method(method) for method in plugins("method")]
        assert protocol.recipe in {recipe for m in methods if m.task == protocol.task for recipe in m.recipes}


def test_the_content_hash_changes_with_the_content_only(toys, file):
    first = toys.protocol.content_hash()
    file.write_text("# a comment\n" + file.read_text())
    assert toys.protocol.content_hash() == first
    toys.edit(recipe="other")
    assert toys.protocol.content_hash() != first


def scales(**smoke: object) -> dict[str, object]:
    return {"scales": {"smoke": {"why": "a test"} | smoke}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": []}, "toys.yaml: metric: unknown key; remove it or correct its spelling"),
        ({"version": "one"}, "toys.yaml: version: Input should be a valid integer"),
        ({"version": 0}, "toys.yaml: version: Input should be greater than or equal to 1"),
        ({"version": 2}, "toys.yaml: changes: no line for version 2"),
        ({"name": "Toys And More"}, "toys.yaml: name: String should match pattern"),
        ({"metrics": "FID"}, "toys.yaml: metrics: Input should be a valid list"),
        ({"metrics": [{"metric": "FID", "setting": {}}]}, "toys.yaml: metrics.0.setting: unknown key"),
        ({"select_by": "FIDD"}, "toys.yaml: select_by: FIDD is not among the metrics"),
        ({"counts": "best"}, "toys.yaml: counts: Input should be 'last', 'best-on-validation' or 'best-on-test'"),
        ({"data": {"family": "mars"}}, "toys.yaml: data: Input tag 'mars'"),
        ({"data": {"family": "folder", "name": "../up"}}, "toys.yaml: data.folder.name: String should match pattern"),
        ({"data": {"family": "folder", "name": "x", "size": 64}}, "toys.yaml: data.folder.size: unknown key"),
        ({"scales": {"tiny": {"why": "a test"}}}, "toys.yaml: scales: unknown tiny; known: smoke, mini, paper"),
        (scales(epochs=3), "toys.yaml: scales.smoke.epochs: unknown key"),
        (scales(epoch_divisor=0), "toys.yaml: scales.smoke.epoch_divisor: Input should be greater than or equal to 1"),
        (scales(test_images=1), "toys.yaml: scales.smoke.test_images: Input should be greater than or equal to 2"),
        ({"scales": {"smoke": {}}}, "toys.yaml: scales.smoke.why: Field required"),
        (
            scales(stand_in="horse2zebra", threads=2),
            "toys.yaml: scales.smoke: a scale with stand_in takes everything else from the stand-in's scale",
        ),
        (scales(stand_in_one_in=3), "toys.yaml: scales.smoke: stand_in_one_in needs a stand_in"),
        (scales(stand_in="earth-sat", stand_in_one_in=0), "toys.yaml: scales.smoke.stand_in_one_in: Input should be"),
        (scales(available=False, epoch_divisor=2), "toys.yaml: scales.smoke: a scale that is not available says why"),
    ],
)
def test_a_wrong_key_or_value_is_named_in_one_line(toys, changes, message):
    toys.edit(**changes)
    with pytest.raises(UsageError) as caught:
        _ = toys.protocol
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_second_error_is_counted(toys):
    toys.edit(version="one", metric=[])
    with pytest.raises(UsageError, match=r"\(and 1 more\)$"):
        _ = toys.protocol


def test_missing_keys_are_named(file):
    content = yaml.safe_load(file.read_text())
    del content["recipe"]
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(UsageError, match=r"toys\.yaml: recipe: Field required"):
        load_protocol(str(file))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name: toys\ntitle: [1, 2\nversion: 1\n", "toys.yaml line 3: not valid YAML"),
        (b"name: toys\n\ttitle: x\n", "toys.yaml line 2: not valid YAML"),
        (b"- a\n- b\n", "toys.yaml: must hold a mapping"),
        (b"", "toys.yaml: must hold a mapping"),
        (b"name: \xff\n", r"toys.yaml line 1: is not UTF-8 text \(byte 6\)"),
        (b"name: \x01\n", "toys.yaml line 1: not valid YAML: unacceptable character #x0001"),
    ],
)
def test_what_is_not_yaml_is_named_with_its_line(file, content, message):
    file.write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        load_protocol(str(file))
    assert "\n" not in str(caught.value)


def test_a_protocol_that_does_not_exist():
    with pytest.raises(UsageError, match="no protocol named 'horse2zebr'; did you mean horse2zebra"):
        load_protocol("horse2zebr")
    with pytest.raises(UsageError, match="no version 9 of protocol 'horse2zebra'; there is horse2zebra@1"):
        load_protocol("horse2zebra@9")
    with pytest.raises(UsageError, match=r"gone\.yaml: no such protocol file"):
        load_protocol("gone.yaml")
    with pytest.raises(UsageError, match=r"no scale of horse2zebra\.yaml named 'smok'; did you mean smoke"):
        load_protocol("horse2zebra").scale("smok")


def test_name_and_file_must_agree(tmp_path, monkeypatch, toys):
    toys.protocol_file.rename(tmp_path / "other.yaml")
    monkeypatch.setattr("bench.schema.protocol.protocol_files", lambda: {"other": tmp_path / "other.yaml"})
    with pytest.raises(UsageError, match=r"other\.yaml: its name is 'toys'; name and file must agree"):
        load_protocol("other")


def test_an_older_version_is_read_from_a_file_of_its_own(tmp_path, monkeypatch, toys):
    old = tmp_path / "toys@1.yaml"
    old.write_text(toys.protocol_file.read_text())
    toys.edit(version=2, changes={1: "first", 2: "second"})
    monkeypatch.setattr("bench.schema.protocol.protocol_files", lambda: {"toys": toys.protocol_file, "toys@1": old})
    assert [load_protocol(name).version for name in ("toys", "toys@1", "toys@2")] == [2, 1, 2]


def test_a_stand_in_of_a_stand_in_is_refused(toys, tmp_path):
    middle = tmp_path / "middle.yaml"
    content = yaml.safe_load(toys.protocol_file.read_text())
    middle.write_text(yaml.safe_dump(content | {"name": "middle"} | scales(stand_in="earth-relief2sat")))
    toys.edit(**scales(stand_in=str(middle)))
    with pytest.raises(UsageError, match=r"middle\.yaml: scale smoke is itself a stand-in; name the final one"):
        resolve(toys.method, toys.protocol, "smoke")


def test_a_stand_in_that_does_not_exist_is_named(toys):
    toys.edit(**scales(stand_in="mars"))
    with pytest.raises(UsageError, match="no protocol named 'mars'"):
        resolve(toys.method, toys.protocol, "smoke")


def test_a_scale_without_a_stand_in_changes_what_it_says():
    assert Scale(why="a test").model_dump(exclude={"why"}) == {
        "available": True,
        "stand_in": None,
        "stand_in_one_in": 1,
        "overrides": {},
        "epoch_divisor": 1,
        "images_per_epoch": None,
        "scored_checkpoints": 1,
        "test_images": None,
        "validation_images": None,
        "outputs_per_input": 1,
        "seeds": 1,
        "threads": 1,
    }


def test_a_missing_or_unreadable_file_is_one_line(tmp_path):
    with pytest.raises(UsageError, match=r"gone\.yaml: cannot be read: No such file"):
        read_yaml(tmp_path / "gone.yaml")


def test_protocols_of_the_user_are_found_where_nothing_else_has_their_name(toys, file, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "toys.yaml").write_text(file.read_text())
    assert load_protocol("toys", own) == load_protocol("toys@1", own) == toys.protocol
    assert "toys" in protocol_names(own)
    assert "toys" not in protocol_names()
    (own / "cityscapes.yaml").write_text(file.read_text().replace("name: toys", "name: cityscapes"))
    assert load_protocol("cityscapes", own) == load_protocol("cityscapes")
    with pytest.raises(
        UsageError, match=r"no protocol named 'toyz'; did you mean toys\?; .* contrastbench data use DIR"
    ):
        load_protocol("toyz", own)
    with pytest.raises(UsageError, match="no protocol named 'toys'"):
        load_protocol("toys", tmp_path / "gone")


def test_all_missing_keys_of_a_file_are_said_at_once(file):
    content = yaml.safe_load(file.read_text())
    for key in ("recipe", "title", "select_by"):
        del content[key]
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(UsageError, match=r"^toys\.yaml: these keys are missing: title, recipe, select_by$"):
        load_protocol(str(file))
