"""A slip in a protocol file is one line that names the file and the key, before anything is planned."""

import pytest

from bench.base.errors import UsageError
from bench.compare.contenders import Contender, enter
from bench.plan.check_protocol import check_protocol
from bench.plan.grid import Grid
from bench.schema.protocol import load_protocol
from bench.schema.table import load_table


def smoke(**changes):
    return {"scales": {"smoke": {"why": "a test"} | changes}}


def check(toys):
    check_protocol(toys.protocol, "smoke", [toys.method])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metrics": [{"metric": "FDI"}], "select_by": "FDI"}, "metrics: no metric named 'FDI'; did you mean FID"),
        ({"metrics": [{"metric": "L1", "settings": {"x": 1}}], "select_by": "L1"}, "metrics: metric L1, setting 'x'"),
        ({"recipe": "hrose2zebra"}, "recipe: no recipe of a method named 'hrose2zebra'; did you mean horse2zebra"),
        ({"recipe": "*"}, "recipe: no recipe of a method named '*'; known: "),
        (smoke(overrides={"lrr": 0.1}), "scales.smoke.overrides: no setting of a method named 'lrr'; did you mean"),
        (smoke(overrides={"lr": "fast"}), "scales.smoke.overrides: lr: Input should be a valid number"),
    ],
)
def test_a_slip_names_the_file_and_the_key(toys, changes, message):
    check(toys)
    toys.edit(**changes)
    with pytest.raises(UsageError) as caught:
        check(toys)
    assert str(caught.value).startswith(f"toys.yaml: {message}")


def test_a_setting_and_a_recipe_of_other_methods_are_no_slip(toys):
    toys.edit(recipe="horse2zebra", **smoke(overrides={"ngf": 8, "lr": 0.1}))
    check(toys)


def test_a_scale_that_the_file_lacks(toys):
    with pytest.raises(UsageError, match=r"^no scale of toys.yaml named 'mini'; known: paper, smoke$"):
        check_protocol(toys.protocol, "mini", [toys.method])


def test_a_comparison_and_a_table_are_checked(toys, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "bench.compare.contenders.check_protocol", lambda protocol, scale, methods: asked.append(methods)
    )
    enter([Contender("a", toys.method), Contender("b", toys.method)], toys.protocol, "smoke", "equal", {})
    assert asked == [[toys.method, toys.method]]

    def refuse(protocol, scale, methods):
        raise UsageError(f"{protocol.file} {scale}")

    monkeypatch.setattr("bench.plan.grid.check_protocol", refuse)
    with pytest.raises(UsageError, match=r"horse2zebra.yaml smoke"):
        Grid(toys.home).add_table(load_table("src-hdce/main"), "smoke")


@pytest.mark.parametrize("name", ["cityscapes", "horse2zebra", "earth-sat"])
def test_the_built_in_files_pass(name):
    methods = {"earth-sat": ["dual_contrastive"]}.get(name, ["cut", "cyclegan"])
    check_protocol(load_protocol(name), "smoke", methods)
