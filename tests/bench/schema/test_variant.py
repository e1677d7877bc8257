import pytest

from bench.base.errors import UsageError
from bench.schema.variant import read_assignments, read_variant, split_outside, variant_name


@pytest.mark.parametrize(
    ("name", "changes", "text"),
    [
        ("focal_nce", {}, "focal_nce"),
        ("focal_nce", {"gamma": 0.5, "on": True, "at": None}, "focal_nce{gamma=0.5,on=true,at=null}"),
        ("cut", {"nce_layers": [0, 4], "key_path": "momentum"}, "cut{nce_layers=[0,4],key_path=momentum}"),
        ("cut", {"loss": "/some/where/mine.py:Mine"}, "cut{loss=mine.py:Mine}"),
    ],
)
def test_a_name_says_what_is_changed_and_is_read_back(name, changes, text):
    assert variant_name(name, changes) == text
    if "loss" not in changes:  # where a file is, is not part of a name
        assert read_variant(text, "--loss") == (name, changes)


def test_a_variant_of_a_file():
    assert read_variant("mine.py:Mine{beta=2, gamma=[1, 2]}", "--loss") == (
        "mine.py:Mine", {"beta": 2, "gamma": [1, 2]}
    )  # fmt: skip


@pytest.mark.parametrize("text", ["a{", "a{}", "{b=1}", "a{b=1}c", "a{b=1"])
def test_braces_that_are_no_variant(text):
    with pytest.raises(UsageError, match=r"^--loss .*: write NAME\{KEY=VALUE,\.\.\.\}, in quotes$"):
        read_variant(text, "--loss")


def test_what_is_no_assignment_names_the_option():
    with pytest.raises(UsageError, match=r"^--set lr: write KEY=VALUE, for example --set ngf=16$"):
        read_assignments(["lr"], "--set")
    with pytest.raises(UsageError, match=r"^--loss a\.py:A beta: write KEY=VALUE, for example --loss ngf=16$"):
        read_variant("a.py:A{beta}", "--loss")


def test_commas_inside_brackets_separate_nothing():
    assert split_outside("cut{a=1,b=[2,3]}, fastcut,,") == ["cut{a=1,b=[2,3]}", "fastcut"]
