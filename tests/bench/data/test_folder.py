import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.base.errors import BenchError, NotAvailable
from bench.data.dataset import DataProblems, DataSet
from bench.data.opening import open_dataset
from bench.schema.data import FolderData

Make = Callable[..., Path]


def open_toys(root: Path, **config: object) -> DataSet:
    return open_dataset(FolderData(name="toys", **config), root, root.parent / "cache")


def test_splits_counts_and_order(make_folders: Make) -> None:
    dataset = open_toys(make_folders())
    assert dataset.splits == ("train", "test")
    assert [len(dataset.images(s, t)) for s in dataset.splits for t in "AB"] == [5, 7, 2, 3]
    assert dataset.images("train", "A").names == tuple(f"im{i:02d}.png" for i in range(5))
    assert not dataset.aligned("test")
    assert dataset.count_deviations() == []


def test_direction_swaps_the_streams(make_folders: Make) -> None:
    root = make_folders()
    forward, backward = open_toys(root), open_toys(root, direction="BtoA")
    np.testing.assert_array_equal(forward.images("train", "A").pixels(1), backward.images("train", "B").pixels(1))
    assert len(backward.images("test", "A")) == 3
    assert forward.fingerprint() != backward.fingerprint()


def test_val_folders_stand_for_test_folders(make_folders: Make) -> None:
    dataset = open_toys(make_folders(trainA=1, trainB=1, valA=2, valB=3), counts={"testA": 2, "testB": 4})
    assert [len(dataset.images("test", s)) for s in "AB"] == [2, 3]
    assert dataset.count_deviations() == ["toys/valB holds 3 images, published 4"]


def test_other_counts_than_published_are_deviations(make_folders: Make) -> None:
    dataset = open_toys(make_folders(), counts={"trainA": 5, "trainB": 1334})
    assert dataset.count_deviations() == ["toys/trainB holds 7 images, published 1334"]


def test_held_out_images_leave_training_and_are_a_deviation(make_folders: Make) -> None:
    root = make_folders()
    dataset, whole = open_toys(root, validation=2), open_toys(root)
    assert dataset.splits == ("train", "validation", "test")
    for stream in "AB":
        names = dataset.images("train", stream).names + dataset.images("validation", stream).names
        assert names == whole.images("train", stream).names
        assert len(dataset.images("validation", stream)) == 2
    held, original = dataset.images("validation", "B"), whole.images("train", "B")
    np.testing.assert_array_equal(held.pixels(0), original.pixels(original.names.index(held.names[0])))
    assert "held out" in dataset.count_deviations()[0]
    assert dataset.fingerprint() != whole.fingerprint()
    with pytest.raises(BenchError, match="validation: 5 leaves nothing of the 5 images in trainA"):
        open_toys(root, validation=5)


def test_extensions_in_either_case_sub_folders_and_other_files(make_folders: Make) -> None:
    root = make_folders()
    folder = root / "toys" / "trainA"
    (folder / "Sub").mkdir()
    Image.new("RGB", (4, 4)).save(folder / "Sub" / "x.JPG", format="JPEG")
    Image.new("RGB", (4, 4)).save(folder / "a.Bmp", format="BMP")
    (folder / "readme.txt").write_text("no image")
    assert open_toys(root).images("train", "A").names == ("Sub/x.JPG", "a.Bmp", *(f"im{i:02d}.png" for i in range(5)))


def test_grey_palette_and_alpha_become_rgb_as_the_originals_do(make_folders: Make) -> None:
    root = make_folders()
    folder = root / "toys" / "testA"
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    Image.fromarray(grey).save(folder / "a_grey.png")
    rgba = np.random.default_rng(0).integers(0, 256, (3, 4, 4), dtype=np.uint8)
    Image.fromarray(rgba, "RGBA").save(folder / "b_alpha.png")
    Image.fromarray(grey).convert("P").save(folder / "c_palette.png")
    images = open_toys(root).images("test", "A")
    np.testing.assert_array_equal(images.pixels(0), np.stack([grey] * 3, axis=-1))
    np.testing.assert_array_equal(images.pixels(1), rgba[..., :3])  # alpha is dropped, not composited
    np.testing.assert_array_equal(images.pixels(2), np.stack([grey] * 3, axis=-1))


@pytest.mark.parametrize("content", ["truncated", "text", "empty"])
def test_unreadable_image_is_one_line_with_its_name(make_folders: Make, content: str) -> None:
    root = make_folders()
    path = root / "toys" / "trainB" / "im03.png"
    path.write_bytes({"truncated": path.read_bytes()[:700], "text": b"no image", "empty": b""}[content])
    dataset = open_toys(root)
    with pytest.raises(BenchError, match=r"im03\.png: cannot be read as an image .* replace or remove") as caught:
        dataset.images("train", "B").image(3)
    assert "\n" not in str(caught.value)
    with pytest.raises(BenchError, match=r"im03\.png"):
        dataset.fingerprint()


def test_vanished_image_is_named(make_folders: Make) -> None:
    root = make_folders()
    dataset = open_toys(root)
    (root / "toys" / "trainB" / "im03.png").unlink()
    with pytest.raises(BenchError, match=r"im03\.png: is gone"):
        dataset.images("train", "B").pixels(3)
    with pytest.raises(BenchError, match=r"im03\.png: cannot be read"):
        dataset.fingerprint()


def test_missing_data_set_says_where_it_goes(tmp_path: Path) -> None:
    with pytest.raises(NotAvailable, match=r"put its trainA trainB testA testB under .*toys"):
        open_toys(tmp_path)


def test_missing_and_empty_folders_are_named(make_folders: Make) -> None:
    root = make_folders(trainA=1, trainB=1, testA=1)
    with pytest.raises(NotAvailable, match="testB is missing"):
        open_toys(root)
    (root / "toys" / "testB").mkdir()
    with pytest.raises(BenchError, match="testB: holds no image"):
        open_toys(root)


def test_raw_files_lists_every_file(make_folders: Make) -> None:
    files = open_toys(make_folders()).raw_files()
    assert len(files) == 17
    assert all(len(sha256) == 64 for _, sha256 in files)


def test_label_maps_go_to_test_images_by_number(make_folders: Make, tmp_path: Path) -> None:
    root = make_folders(trainA=1, trainB=1, testA=0, testB=0)
    for side in "AB":
        (root / "toys" / f"test{side}").mkdir(exist_ok=True)
        for i in range(12):  # as text, 10 and 11 come before 2
            Image.new("RGB", (4, 4), (i, 0, 0)).save(root / "toys" / f"test{side}" / f"{i}_{side}.png")
    (root / "official").mkdir()
    for i in range(12):
        Image.fromarray(np.full((4, 4), i, np.uint8)).save(root / "official" / f"city_{i:06d}_labelIds.png")
    dataset = open_toys(root, test_labels="official/*_labelIds.png")
    maps, images = dataset.labels("test"), dataset.images("test", "B")
    assert [int(maps.labels(i)[0, 0, 0]) for i in range(12)] == [int(images.pixels(i)[0, 0, 0]) for i in range(12)]
    assert dataset.images("test", "A").names[1] == "10_A.png"
    with pytest.raises(BenchError, match="no label map"):
        dataset.labels("train")
    with pytest.raises(BenchError, match="no label map"):
        open_toys(root).labels("test")
    with pytest.raises(NotAvailable, match=r"no .*gone/\*\.png"):
        open_toys(root, test_labels="gone/*.png").labels("test")
    (root / "official" / "city_000099_labelIds.png").write_bytes(b"")
    with pytest.raises(BenchError, match="not numbered like the 13 label maps"):
        open_toys(root, test_labels="official/*_labelIds.png").labels("test")


def test_only_data_read_from_b_to_a_has_a_pairing_rule_in_its_keys(make_folders: Make) -> None:
    root = make_folders()
    assert (open_toys(root).ordered, open_toys(root).revisions()) == ("A", {})
    backward = open_toys(root, direction="BtoA")
    assert (backward.ordered, backward.revisions()) == ("B", {"pairing": 2})


def test_a_large_held_out_share_is_said(make_folders: Make) -> None:
    deviations = open_toys(make_folders(), validation=2).count_deviations()
    assert deviations[1:] == [
        "validation holds out 2 of the 5 images in toys/trainA (40%, more than 20%)",
        "validation holds out 2 of the 7 images in toys/trainB (29%, more than 20%)",
    ]


def test_all_missing_and_all_empty_folders_are_named(make_folders: Make) -> None:
    root = make_folders(trainA=1, trainB=1)
    with pytest.raises(NotAvailable, match=r"testA, .*testB are missing"):
        open_toys(root)
    for side in "AB":
        (root / "toys" / f"test{side}").mkdir()
    with pytest.raises(DataProblems) as caught:
        open_toys(root)
    assert len(caught.value.lines) == 2
    assert "(and 1 more like it: contrastbench data verify)" in str(caught.value)


def test_what_the_folders_hold_besides_is_said_once(make_folders: Make, caplog: pytest.LogCaptureFixture) -> None:
    root = make_folders()
    (root / "toys" / "testB" / "@eaDir").mkdir()
    Image.new("RGB", (4, 4)).save(root / "toys" / "testB" / "@eaDir" / "x.png")
    for _ in range(2):
        dataset = open_toys(root)
    assert len(dataset.images("test", "B")) == 4
    assert [record.getMessage() for record in caplog.records] == [f"data set toys: {dataset.notices()[0]}"]
    assert dataset.notices()[0].startswith("test B: ")
    assert open_toys(root, direction="BtoA").notices()[0].startswith("test A: ")


def test_rotations_are_said_when_the_pixels_are_first_read(
    make_folders: Make, caplog: pytest.LogCaptureFixture
) -> None:
    root = make_folders()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (4, 4)).save(root / "toys" / "trainA" / "turned.jpg", exif=exif)
    for _ in range(2):
        open_toys(root).fingerprint()
    [said] = [record.getMessage() for record in caplog.records]
    assert "toys/trainA: 1 of 6 images note a rotation (EXIF), which is not applied" in said


def test_names_that_are_no_text_end_nothing(make_folders: Make) -> None:
    root = make_folders()
    path = root / "toys" / "trainA" / os.fsdecode(b"\xff.png")
    try:
        Image.new("RGB", (4, 4)).save(path)
    except OSError:
        pytest.skip("this file system takes text only")
    assert len(open_toys(root).fingerprint()) == 64


def test_where_no_test_images_are_published_there_need_be_none(make_folders: Make, tmp_path: Path) -> None:
    root, config = make_folders("gta2cityscapes", trainA=2, trainB=3), FolderData(name="gta2cityscapes")
    dataset = open_dataset(config, root, tmp_path / "cache")
    assert dataset.splits == ("train",)
    assert dataset.fingerprint()
    with pytest.raises(BenchError, match="gta2cityscapes has no split 'test'; it has train"):
        dataset.images("test", "A")
    with pytest.raises(NotAvailable, match=r"data prepare gta2cityscapes, or put its trainA trainB under"):
        open_dataset(config, tmp_path / "nowhere", tmp_path / "cache")
    (root / "gta2cityscapes" / "testA").mkdir()
    with pytest.raises(NotAvailable, match="testB is missing"):
        open_dataset(config, root, tmp_path / "cache")
