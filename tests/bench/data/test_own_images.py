from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_folders import write_images
from PIL import Image
from pydantic import ValidationError

from bench.base.errors import BenchError, NotAvailable
from bench.data.dataset import DataProblems, DataSet
from bench.data.opening import open_dataset
from bench.schema.data import OwnImagesData

TWO = [{"name": "A", "train": "summer"}, {"name": "B", "train": "winter"}]


def config(folder: Path, streams: list[dict[str, str]] = TWO, **more: Any) -> OwnImagesData:
    return OwnImagesData.model_validate({"name": "leaves", "folder": str(folder), "streams": streams, **more})


def opened(folder: Path, streams: list[dict[str, str]] = TWO, **more: Any) -> DataSet:
    return open_dataset(config(folder, streams, **more), folder.parent / "datasets", folder.parent / "cache")


@pytest.fixture
def leaves(tmp_path: Path) -> Path:
    write_images(tmp_path / "leaves" / "summer", 30, 0)
    write_images(tmp_path / "leaves" / "winter", 20, 1)
    return tmp_path / "leaves"


def names(dataset: DataSet, stream: str) -> dict[str, set[str]]:
    return {split: set(dataset.images(split, stream).names) for split in dataset.splits}


def test_every_image_is_in_one_split_and_training_has_most(leaves: Path) -> None:
    dataset = opened(leaves)
    assert dataset.splits == ("train", "validation", "test")
    for stream, total in (("A", 30), ("B", 20)):
        parts = names(dataset, stream)
        assert sum(map(len, parts.values())) == len(set.union(*parts.values())) == total
        assert len(parts["train"]) >= total / 2
        assert min(len(part) for part in parts.values()) >= 3
    assert dataset.count_deviations() == [
        "images are held out by their content: 10% for validation and 20% for test, seed 0"
    ]


def test_images_stay_in_their_splits_when_others_come_and_files_are_renamed(leaves: Path) -> None:
    before = names(opened(leaves, held_out={"test": 0.25, "validation": 0.1}), "A")
    for path in list((leaves / "summer").iterdir())[:10]:
        path.rename(path.with_name(f"renamed {path.name}"))
    write_images(leaves / "summer", 40, 5)
    after = names(opened(leaves, held_out={"test": 0.25, "validation": 0.1}), "A")
    for split in ("train", "test"):
        assert {name.removeprefix("renamed ") for name in after[split]} >= before[split]


def test_another_seed_holds_out_other_images(leaves: Path) -> None:
    first, other = (names(opened(leaves, held_out={"seed": seed}), "A") for seed in (0, 1))
    assert first["test"] != other["test"]


def test_folders_for_tests_are_used_and_only_validation_is_held_out(leaves: Path) -> None:
    write_images(leaves / "test summer", 4, 2)
    dataset = opened(leaves, [{**TWO[0], "test": "test summer"}, TWO[1]])
    assert len(dataset.images("test", "A")) == 4
    assert len(dataset.images("train", "A")) + len(dataset.images("validation", "A")) == 30
    assert len(dataset.images("test", "B")) < 20


def test_nothing_is_held_out_where_all_splits_have_folders(leaves: Path) -> None:
    streams = [{"name": name, "train": "summer", "test": "winter"} for name in "AB"]
    dataset = opened(leaves, streams, held_out=None)
    assert dataset.splits == ("train", "test")
    assert [len(dataset.images(split, "A")) for split in dataset.splits] == [30, 20]
    assert dataset.count_deviations() == []


def test_pairs_are_split_and_ordered_together(tmp_path: Path) -> None:
    scenes = [f"scene {number:02d}" for number in range(20)]
    write_images(tmp_path / "pairs" / "summer", scenes, 0)
    write_images(tmp_path / "pairs" / "winter", reversed(scenes), 1, suffix="bmp")
    dataset = opened(tmp_path / "pairs", pairs=True)
    for split in dataset.splits:
        stems = [[Path(name).stem for name in dataset.images(split, stream).names] for stream in "AB"]
        assert stems[0] == stems[1]
        assert dataset.aligned(split)
    assert not opened(tmp_path / "pairs").aligned("test")


def test_pairs_without_partner_and_scenes_named_twice_are_all_listed(leaves: Path) -> None:
    with pytest.raises(DataProblems) as caught:
        opened(leaves, pairs=True)
    assert len(caught.value.lines) == 50
    assert "'0 000' is in A but not in B" in caught.value.lines[0]
    write_images(leaves / "summer", ["0 000"], 0, suffix="jpg")
    with pytest.raises(DataProblems, match="name the same scene"):
        opened(leaves, pairs=True)


def test_halves_are_those_of_one_image(tmp_path: Path) -> None:
    write_images(tmp_path / "both", 12, 0, size=(41, 20))
    streams = [{"name": "A", "train": ".", "half": "right"}, {"name": "B", "train": ".", "half": "left"}]
    dataset = opened(tmp_path / "both", streams, pairs=True)
    a, b = (dataset.images("train", stream) for stream in "AB")
    whole = np.asarray(Image.open(tmp_path / "both" / a.names[0]))
    np.testing.assert_array_equal(a.pixels(0), whole[:, 20:])
    np.testing.assert_array_equal(b.pixels(0), whole[:, :20])
    assert np.asarray(b.image(0)).shape == (20, 20, 3)
    assert a.names == b.names
    assert list(dataset.image_files()) == ["leaves"]


def test_label_maps_are_numbers_and_their_change_is_another_data_set(tmp_path: Path) -> None:
    scenes = [f"{number:02d}" for number in range(12)]
    write_images(tmp_path / "maps" / "winter", scenes, 0)
    (tmp_path / "maps" / "summer").mkdir()
    for number, scene in enumerate(scenes):
        Image.new("L", (20, 14), number).save(tmp_path / "maps" / "summer" / f"{scene}.png")
    dataset = opened(tmp_path / "maps", pairs=True, label_maps=True)
    maps, images = dataset.labels("train"), dataset.images("train", "B")
    for i in range(len(maps)):
        assert maps.labels(i).max() == int(Path(images.names[i]).stem)
    assert dataset.images("train", "A").pixels(0).shape == (14, 20, 3)
    assert dataset.colours().shape == (256, 3)
    before = dataset.fingerprint()
    Image.new("L", (20, 14), 99).save(tmp_path / "maps" / "summer" / images.names[0])
    assert opened(tmp_path / "maps", pairs=True, label_maps=True).compute_fingerprint() != before


def test_the_fingerprint_is_that_of_the_pixels_wherever_the_folder_is(leaves: Path) -> None:
    before = opened(leaves).fingerprint()
    elsewhere = leaves.rename(leaves.with_name("moved"))
    assert opened(elsewhere).fingerprint() == before
    assert open_dataset(config(Path("moved")), elsewhere.parent, leaves.parent / "cache").fingerprint() == before


def test_sixteen_bits_and_foreign_folders_are_said_as_of_every_data_set(leaves: Path) -> None:
    Image.fromarray(np.full((4, 4), 40_000, dtype=np.uint16)).save(leaves / "summer" / "deep.png")
    write_images(leaves / "winter" / "@eaDir", 1, 9)
    dataset = opened(leaves)
    assert any("hold 16 bits of grey" in line for line in dataset.traits())
    assert any("was not made for this data set" in line for line in dataset.notices())


def test_what_is_missing_or_too_little_is_named(leaves: Path) -> None:
    with pytest.raises(NotAvailable, match=r"leaves: its folder \S*gone is gone; put it back, .* --images DIR"):
        opened(leaves.with_name("gone"))
    write_images(leaves / "few", 11, 3)
    dataset = opened(leaves, [TWO[0], {"name": "B", "train": "few"}])
    with pytest.raises(BenchError, match=r"few: 11 images are too few to hold some out; 12 are enough; add images, or"):
        dataset.images("train", "B")
    with pytest.raises(NotAvailable, match="autumn is missing"):
        opened(leaves, [TWO[0], {"name": "B", "train": "autumn"}])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"streams": [{"name": "A", "train": "../other"}]}, "is not below the data set's folder"),
        ({"streams": [{"name": "A", "train": "/etc"}]}, "is not below the data set's folder"),
        ({"streams": [TWO[0], TWO[0]]}, "A is named twice"),
        ({"held_out": None}, "A has no test folder, and held_out.test is 0"),
        ({"streams": [{**TWO[0], "test": "x"}, TWO[1]], "pairs": True}, "must have folders for the same splits"),
        ({"label_maps": True}, "need pairs with a stream B"),
        ({"held_out": {"test": 0.9}}, "less than or equal to 0.25"),
    ],
)
def test_what_contradicts_itself_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        OwnImagesData.model_validate({"name": "x", "folder": "x", "streams": TWO, **change})
