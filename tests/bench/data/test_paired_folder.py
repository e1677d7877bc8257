from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.base.errors import BenchError, NotAvailable
from bench.data.opening import open_dataset
from bench.data.paired_folder import PALETTE, PairedFolderDataSet
from bench.schema.data import PairedFolderData

CITIES = {
    "name": "cities",
    "images": "left/{split}/*/*_left.png",
    "labels": "fine/{split}/*/*_ids.png",
    "instances": "fine/{split}/*/*_instances.png",
}


def write(root: Path, split: str, scene: str, value: int, size: tuple[int, int] = (8, 6)) -> None:
    for folder in ("left", "fine"):
        (root / "cities" / folder / split / "x").mkdir(parents=True, exist_ok=True)
    shape = (size[1], size[0])
    Image.fromarray(np.full((*shape, 3), value, np.uint8)).save(root / f"cities/left/{split}/x/{scene}_left.png")
    Image.fromarray(np.full(shape, value, np.uint8)).save(root / f"cities/fine/{split}/x/{scene}_ids.png")
    instances = np.full(shape, 1000 * value + 1, np.uint16)
    Image.fromarray(instances).save(root / f"cities/fine/{split}/x/{scene}_instances.png")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for value, scene in enumerate(("b_2", "a_1", "c_3"), start=1):
        write(tmp_path, "train", scene, value)
    write(tmp_path, "val", "d_4", 7)
    return tmp_path


def opened(root: Path, **changes: object) -> PairedFolderDataSet:
    dataset = open_dataset(PairedFolderData.model_validate(CITIES | changes), root, root / "cache")
    assert isinstance(dataset, PairedFolderDataSet)
    return dataset


def test_photographs_and_label_maps_of_one_scene_meet(root):
    dataset = opened(root)
    assert dataset.images("train", "B").names == ("a_1_left.png", "b_2_left.png", "c_3_left.png")
    maps = dataset.labels("train")
    for i in range(3):
        value = int(dataset.images("train", "B").pixels(i)[0, 0, 0])
        assert maps.labels(i)[0, 0].tolist() == [value, 1000 * value + 1]
    assert dataset.aligned("train")
    assert dataset.aligned("test")
    assert dataset.labels("test").labels(0)[0, 0].tolist() == [7, 7001]


def test_without_instances_there_is_one_channel(root):
    assert opened(root, instances=None).labels("train").channels == 1


def test_the_first_class_may_have_another_number(root):
    labels = opened(root, first_class=2).labels("train")
    assert [int(labels.labels(i)[0, 0, 0]) for i in range(3)] == [0, 255, 1]  # a_1 has 2, b_2 has 1, c_3 has 3


def test_stream_a_shows_classes_in_colours_that_differ(root):
    assert len({tuple(colour) for colour in PALETTE.tolist()}) == 256
    np.testing.assert_array_equal(opened(root).images("train", "A").pixels(2)[0, 0], PALETTE[3])


def test_the_fingerprint_knows_instance_numbers(root):
    before = opened(root).fingerprint()
    path = root / "cities/fine/train/x/a_1_instances.png"
    Image.fromarray(np.full((6, 8), 9, np.uint16)).save(path)
    assert opened(root).compute_fingerprint() != before


def test_counts_that_differ_from_the_published_ones(root):
    found = opened(root, counts={"train": 2975, "test": 1}).count_deviations()
    assert found == ["cities train holds 3 pairs, published 2975"]


def test_a_missing_partner_is_named(root):
    (root / "cities/fine/train/x/b_2_ids.png").unlink()
    with pytest.raises(BenchError, match="scene 'b_2' is among the images but not among the labels"):
        opened(root)


def test_two_files_of_one_scene_are_refused(root):
    (root / "cities/left/train/y").mkdir()
    (root / "cities/left/train/x/a_1_left.png").rename(root / "cities/left/train/y/b_2_left.png")
    with pytest.raises(BenchError, match="name the same scene"):
        opened(root)


def test_an_absent_data_set_says_where_to_put_it(tmp_path):
    with pytest.raises(NotAvailable, match="put the published folders under"):
        opened(tmp_path)


def test_a_colour_image_is_no_label_map(root):
    Image.new("RGB", (8, 6)).save(root / "cities/fine/train/x/a_1_ids.png")
    with pytest.raises(BenchError, match="is no label map"):
        opened(root).labels("train").labels(0)


def test_label_maps_of_other_sizes_are_refused(root):
    Image.fromarray(np.zeros((5, 8), np.uint8)).save(root / "cities/fine/train/x/a_1_ids.png")
    with pytest.raises(BenchError, match="size differs"):
        opened(root).labels("train").labels(0)


def test_scenes_named_by_a_mac_are_those_named_by_linux(tmp_path: Path) -> None:
    for kind, name in (("photo", "caf\u00e9"), ("label", "cafe\u0301")):
        for split in ("train", "val"):
            (tmp_path / "city" / kind / split).mkdir(parents=True)
            Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "city" / kind / split / f"{name}.png")
    config = PairedFolderData(name="city", images="photo/{split}/*.png", labels="label/{split}/*.png")
    dataset = open_dataset(config, tmp_path, tmp_path / "cache")
    assert len(dataset.images("train", "B")) == len(dataset.labels("train")) == 1
