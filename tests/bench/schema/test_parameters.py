"""One file for several protocols: names, contents and what can be wrong in it."""

import hashlib
import json

import pytest
import yaml

from bench.base.errors import UsageError
from bench.commands.info import describe
from bench.commands.list import catalogue
from bench.schema.bounded_yaml import read_yaml
from bench.schema.parameters import protocols_in
from bench.schema.protocol import load_protocol, protocol_names
from bench.schema.yaml_files import protocol_files

# sha256 of what stood in 24 files of their own, as JSON with sorted keys, the first 16 digits
CONTENTS = {
    "celeba-128-1k": "a88f1196a7e463c8",
    "celeba-128-5k": "1836698a287969c4",
    "celeba-128-10k": "f3abea8a1a4602a2",
    "celeba-128-30k": "883b52c655dc6157",
    "celeba-128-50k": "a806882b4ccbfb32",
    "celeba-128-100k": "33f60faa1aa344b1",
    "animal-face-128-1k": "f8a01a9bf67f3512",
    "animal-face-128-5k": "604bdd53a0219ceb",
    "animal-face-128-10k": "df216d76b69c187e",
    "animal-face-128-30k": "a6d74ff9a7791dd1",
    "animal-face-128-50k": "1dd803339a21a304",
    "animal-face-128-100k": "a786b4fb3f38dd45",
    "lsun-bedroom-128-1k": "0189460f183fe069",
    "lsun-bedroom-128-5k": "4bcda356523a9f0e",
    "lsun-bedroom-128-10k": "cbb66dea24c339ea",
    "lsun-bedroom-128-30k": "5f925c6e729b0072",
    "lsun-bedroom-128-50k": "c2836eaf6bd680b5",
    "lsun-bedroom-128-100k": "35b3b3e0bdf8f81b",
    "lsun-church-128-1k": "740b0b4a9c06e355",
    "lsun-church-128-5k": "28d1e2781c8c9b2e",
    "lsun-church-128-10k": "dbb2f0d92b8bd585",
    "lsun-church-128-30k": "a30deaa2d7ee799b",
    "lsun-church-128-50k": "f6191ad08efee0f5",
    "lsun-church-128-100k": "19fd7db4cfeaebd1",
}
# and the content hashes under which results of one of each set were kept
CONTENT_HASHES = {
    "celeba-128-1k@1": "ca0a6bf0025e18fa8fd6b1e682da3f81bb2a65b216f1971e42f62384f1c0f1b2",
    "animal-face-128-30k@1": "990c998ad641837fc20f5f9c8e214d9eb449d2028390590d290ad6b7a7689c3d",
    "lsun-bedroom-128-50k@1": "ffcf9f3f05f00808c2cfe6e29b8a095ff72f57c69b65ea68e8fc27b440c3d7ba",
    "lsun-church-128-100k@1": "a7615f9a9332532f03864c40cfb5f7666b7d43581a5d288ebcfb93f723c04043",
}


@pytest.fixture
def folder(tmp_path, toys, monkeypatch):
    """Protocol files that can be named: `make(name, **changes)` writes one."""
    known = {}

    def make(stem, **changes):
        content = yaml.safe_load(toys.protocol_file.read_text()) | {"name": stem.partition("@")[0]} | changes
        known[stem] = tmp_path / f"{stem}.yaml"
        known[stem].write_text(yaml.safe_dump(content, sort_keys=False))
        return known[stem]

    monkeypatch.setattr("bench.schema.protocol.protocol_files", lambda: known)
    return make


SIZES = {"subset": {"few": {"images": 2, "words": "two"}, "all": {"images": 4, "words": "four"}}}
SIZED = {
    "parameters": SIZES,
    "title": "toys, ${subset.words} (${subset.images})",
    "data": {"family": "folder", "name": "toys", "validation": "${subset.images}"},
}


def test_the_protocols_of_data_sizes_are_what_their_24_files_said():
    stems = ("celeba-128", "animal-face-128", "lsun-bedroom-128", "lsun-church-128")
    contents = {}
    for stem in stems:
        contents |= protocols_in(read_yaml(protocol_files()[stem]), f"{stem}.yaml")
    shown = {name: json.dumps(content, sort_keys=True).encode() for name, content in contents.items()}
    assert {name: hashlib.sha256(text).hexdigest()[:16] for name, text in shown.items()} == CONTENTS
    assert {name: load_protocol(name).content_hash() for name in CONTENT_HASHES} == CONTENT_HASHES
    assert set(CONTENTS) <= set(protocol_names())


def test_a_choice_is_filled_in_as_a_value_and_inside_texts(folder):
    folder("sized", **SIZED)
    few = load_protocol("sized-few@1")
    assert (few.id, few.title, few.data.validation) == ("sized-few@1", "toys, two (2)", 2)
    assert load_protocol("sized-all").data.validation == 4
    assert protocol_names() == ["sized-few", "sized-all"]


def test_two_parameters_and_plain_values(folder):
    many = {"size": {"s": 2, "m": 3}, "kind": {"x": "toys", "y": "others"}}
    folder("both", parameters=many, data={"family": "folder", "name": "${kind}", "validation": "${size}"})
    assert protocol_names() == ["both-s-x", "both-s-y", "both-m-x", "both-m-y"]
    data = load_protocol("both-m-y").data
    assert (data.name, data.validation) == ("others", 3)


def test_older_versions_and_longer_names_are_found(folder):
    folder("sized", **SIZED, version=2, changes={1: "first", 2: "second"})
    folder("sized@1", **SIZED)
    folder("sized-few-more", title="of its own")
    versions = [load_protocol(name).version for name in ("sized-few", "sized-few@1", "sized-few@2")]
    assert versions == [2, 1, 2]
    assert load_protocol("sized-few-more").title == "of its own"
    assert protocol_names() == ["sized-few", "sized-all", "sized-few-more", "sized-few@1", "sized-all@1"]


def test_a_file_by_its_path(folder):
    file = folder("sized", **SIZED)
    assert load_protocol(f"{file}[subset=few]").id == "sized-few@1"
    assert load_protocol(f"{file}[subset=few]").file == "sized.yaml"
    both = folder("both", parameters=SIZES | {"n": {"1": 3}}, title="${subset.words} ${n}")
    assert load_protocol(f"{both}[n=1,subset=all]").title == "four 3"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("sized", "protocol sized leaves something open; name one of sized-few, sized-all"),
        ("sized@1", "protocol sized leaves something open"),
        ("sized-fwe", "no protocol named 'sized-fwe'; did you mean sized-few"),
        ("sized-few@7", "no version 7 of protocol 'sized-few'; there is sized-few@1"),
        ("FILE", "FILE: choose its subset, for example 'FILE[subset=few]'; known: few, all"),
        ("FILE[]", "FILE: choose its subset"),
        ("FILE[subset=fwe]", "no subset of FILE named 'fwe'; did you mean few?"),
        ("FILE[subset]", "no subset of FILE named ''; known: all, few"),
        ("FILE[size=1]", "no parameter of FILE named 'size'; did you mean subset?"),
        ("PLAIN[size=1]", "no parameter of PLAIN named 'size'; known: none"),
    ],
)
def test_a_choice_that_is_missing_or_wrong_is_one_line_with_the_choices(folder, toys, reference, message):
    file, plain = str(folder("sized", **SIZED)), str(toys.protocol_file)
    with pytest.raises(UsageError) as caught:
        load_protocol(reference.replace("FILE", file).replace("PLAIN", plain))
    assert str(caught.value).startswith(message.replace("FILE", file).replace("PLAIN", plain))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parameters": []}, "sized.yaml: parameters: must be a mapping of names to values"),
        ({"parameters": {"subset": 3}}, "sized.yaml: parameters.subset: must be a mapping"),
        ({"parameters": {"subset": {}}}, "sized.yaml: parameters.subset: must be a mapping"),
        ({"parameters": {"subset": {1000: 1}}}, "sized.yaml: parameters.subset: 1000 must be a text"),
        ({"parameters": {"subset": {"1-k": 1}}}, "sized.yaml: parameters.subset: '1-k' must be a text"),
        (
            {"parameters": {"subset": {"few": {"images": 2}, "all": {"image": 4}}}},
            "sized.yaml: parameters.subset: all must decide the same values as few",
        ),
        ({"parameters": SIZES | {"side": {"s": 1}}}, "sized.yaml: parameters: nothing uses ${side}"),
        ({"title": "${subset.wrods}"}, "no parameter of sized.yaml named 'subset.wrods'; did you mean subset.words"),
        ({"title": "${subset}"}, "no parameter of sized.yaml named 'subset'; did you mean subset.words"),
        ({"title": "in ${}"}, "no parameter of sized.yaml named ''"),
        (
            {"parameters": {"subset": {"few": {"images": 2, "words": [2]}}}},
            "sized.yaml: ${subset.words} stands inside a text and must be a text or a whole number",
        ),
        ({"name": "other"}, "sized.yaml: its name is 'other'; name and file must agree"),
        ({"parameters": {"subset": {"few": {"images": "x", "words": ""}}}}, "sized.yaml: data.folder.validation: "),
    ],
)
def test_a_slip_in_a_file_is_one_line_that_names_it(folder, changes, message):
    folder("sized", **SIZED | changes)
    with pytest.raises(UsageError) as caught:
        load_protocol("sized" if "name" in changes else "sized-few")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_list_has_a_line_for_each_file_and_info_explains_what_is_open():
    shown = {entry["name"]: entry for entry in catalogue(["protocols"])["protocols"]}
    assert len(shown) == len([stem for stem in protocol_files() if "@" not in stem])
    celeba = shown["celeba-128@1"]
    assert celeba["parameters"] == {"subset": ["1k", "5k", "10k", "30k", "50k", "100k"]}
    assert celeba["title"].endswith(
        "trained with SUBSET images; celeba-128-SUBSET with SUBSET 1k, 5k, 10k, 30k, 50k, 100k"
    )
    assert "parameters" not in shown["horse2zebra@1"]
    for name in ("celeba-128", "celeba-128@1"):
        found = describe(name)
        assert found["title"] == celeba["title"]
        assert found["protocols"][0] == "celeba-128-1k@1"
        assert found["parameters"]["subset"]["5k"]["images"] == 5000
    assert describe("celeba-128-1k@1")["data"]["subset"] == 1000
    with pytest.raises(UsageError, match="did you mean celeba-128"):
        describe("celeb-128")
