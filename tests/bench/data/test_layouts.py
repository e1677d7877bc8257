"""Every usual layout is read as it is meant, what is ambiguous is said with the option that chooses, the rest is refused."""

import shlex
from pathlib import Path

import pytest
from own_folders import write_images
from PIL import Image

from bench.base.errors import UsageError
from bench.data.arrangement import arrangement
from bench.data.layouts import LAYOUTS, Reading, domains_of, read_folder
from bench.tasks.task import load_task

TRANSLATION = load_task("unpaired_translation").layouts


def read(folder: Path, *layouts: str, asked: str | None = None, domains: str = "") -> Reading:
    return read_folder(folder, layouts or TRANSLATION, asked, domains.split(",") if domains else ())[0]


def refused(folder: Path, *layouts: str, asked: str | None = None, domains: str = "") -> str:
    with pytest.raises(UsageError) as caught:
        read(folder, *layouts, asked=asked, domains=domains)
    return str(caught.value)


def folders(reading: Reading) -> dict[str, dict[str, str]]:
    return {stream.name: stream.folders for stream in reading.streams}


def test_the_four_folders_of_cyclegan(tmp_path: Path) -> None:
    for number, name in enumerate(("trainA", "trainB", "testA", "testB")):
        write_images(tmp_path / name, 3, number)
    reading = read(tmp_path)
    assert reading.layout == "two-folders"
    assert folders(reading) == {
        "A": {"train": "trainA", "test": "testA"}, "B": {"train": "trainB", "test": "testB"}
    }  # fmt: skip
    assert read(tmp_path, domains="B,A").streams[0].train == "trainB"


def test_splits_with_domains_of_any_names_inside(tmp_path: Path) -> None:
    for number, name in enumerate(("Train/Foto nass", "Train/trocken", "val/Foto nass", "val/trocken")):
        write_images(tmp_path / name, 3, number)
    assert folders(read(tmp_path)) == {
        "A": {"train": "Train/Foto nass", "test": "val/Foto nass"},
        "B": {"train": "Train/trocken", "test": "val/trocken"},
    }


def test_validation_and_test_folders_are_kept_apart(tmp_path: Path) -> None:
    for number, split in enumerate(("train", "valid", "test")):
        for domain in "AB":
            write_images(tmp_path / f"{split}_{domain}", 3, number)
    assert folders(read(tmp_path))["B"] == {"train": "train_B", "validation": "valid_B", "test": "test_B"}


def test_domains_with_splits_inside(tmp_path: Path) -> None:
    for number, name in enumerate(("A/train", "A/test", "B/train", "B/test")):
        write_images(tmp_path / name, 3, number)
    assert folders(read(tmp_path)) == {
        "A": {"train": "A/train", "test": "A/test"}, "B": {"train": "B/train", "test": "B/test"}
    }  # fmt: skip


def test_two_folders_of_any_names_and_nothing_else(tmp_path: Path) -> None:
    write_images(tmp_path / "zebra", 3, 0)
    write_images(tmp_path / "Äpfel", 3, 1)
    reading = read(tmp_path)
    assert folders(reading) == {"A": {"train": "zebra"}, "B": {"train": "Äpfel"}}
    assert reading.said.endswith("zebra is A, Äpfel is B")
    assert reading.other_way == "--domains 'Äpfel,zebra'"
    assert folders(read(tmp_path, domains="Äpfel,zebra"))["A"] == {"train": "Äpfel"}


def test_the_option_for_the_other_way_is_understood_whatever_the_names(tmp_path: Path) -> None:
    for number, name in enumerate(("wet, 2nd", 'the "dry" one')):
        write_images(tmp_path / name, 2, number)
    reading = read(tmp_path)
    option, text = shlex.split(reading.other_way)
    assert option == "--domains"
    turned = read_folder(tmp_path, TRANSLATION, None, domains_of(text))[0]
    assert [stream.train for stream in turned.streams] == [stream.train for stream in reading.streams][::-1]
    assert domains_of(" a , b,") == ("a", "b")


def test_a_folder_around_everything_as_archives_have_it(tmp_path: Path) -> None:
    write_images(tmp_path / "leaves" / "leaves" / "dry", 3, 0)
    write_images(tmp_path / "leaves" / "leaves" / "wet", 3, 1)
    assert folders(read(tmp_path))["B"] == {"train": "leaves/leaves/wet"}


def test_equal_names_and_sizes_are_pairs_unless_the_user_says_otherwise(tmp_path: Path) -> None:
    write_images(tmp_path / "a", ["1", "sub/2"], 0, suffix="jpg")
    write_images(tmp_path / "b", ["1", "sub/2"], 1)
    reading, lines = read_folder(tmp_path, TRANSLATION, None, ())
    assert (reading.layout, reading.pairs) == ("pairs", True)
    assert any(line.endswith("--layout two-folders") for line in lines)
    assert not read(tmp_path, asked="two-folders").pairs


def test_equal_names_of_other_sizes_are_no_pairs_unless_the_user_says_so(tmp_path: Path) -> None:
    write_images(tmp_path / "a", ["1", "2"], 0)
    write_images(tmp_path / "b", ["1", "2"], 1, size=(20, 15))
    reading, lines = read_folder(tmp_path, TRANSLATION, None, ())
    assert reading.layout == "two-folders"
    assert any("'1' differ in size" in line and line.endswith("--layout pairs") for line in lines)
    assert read(tmp_path, asked="pairs").pairs


def test_pairs_that_are_not_complete_are_named(tmp_path: Path) -> None:
    write_images(tmp_path / "a", ["1", "2"], 0)
    write_images(tmp_path / "b", ["1", "3"], 1)
    assert read(tmp_path).layout == "two-folders"
    assert "'2' is in a but not in b" in refused(tmp_path, asked="pairs")


def test_pairs_side_by_side_as_pix2pix_has_them(tmp_path: Path) -> None:
    write_images(tmp_path / "train", 3, 0, size=(40, 20))
    write_images(tmp_path / "val", 3, 1, size=(40, 20))
    reading = read(tmp_path)
    assert [(stream.name, stream.half) for stream in reading.streams] == [("A", "left"), ("B", "right")]
    assert folders(reading)["A"] == folders(reading)["B"] == {"train": "train", "test": "val"}
    assert [stream.half for stream in read(tmp_path, domains="right,left").streams] == ["right", "left"]


def test_narrow_images_are_no_pairs_side_by_side_unless_the_user_says_so(tmp_path: Path) -> None:
    write_images(tmp_path, 3, 0, size=(32, 20))
    message = refused(tmp_path)
    assert "32x20 pixels, too narrow for two images side by side" in message
    assert "say --layout side-by-side" in message
    assert read(tmp_path, asked="side-by-side").pairs


def test_one_folder_with_any_folders_below(tmp_path: Path) -> None:
    write_images(tmp_path / "00", 2, 0)
    write_images(tmp_path / "01", 2, 1)
    write_images(tmp_path, 2, 2)
    assert folders(read(tmp_path, "one-folder")) == {"B": {"train": "."}}
    assert folders(read(tmp_path, "one-folder", domains="01")) == {"B": {"train": "01"}}


def test_one_folder_with_splits(tmp_path: Path) -> None:
    write_images(tmp_path / "training", 2, 0)
    write_images(tmp_path / "test" / "x", 2, 1)
    assert folders(read(tmp_path, "one-folder")) == {"B": {"train": "training", "test": "test"}}


def test_one_folder_of_several_domains_with_splits_needs_a_choice(tmp_path: Path) -> None:
    for name in ("trainA", "trainB"):
        write_images(tmp_path / name, 2)
    assert "holds 2 folders of images (A, B): name one with --domains" in refused(tmp_path, "one-folder")
    assert folders(read(tmp_path, "one-folder", domains="B")) == {"B": {"train": "trainB"}}


def test_many_folders_are_domains_in_an_order_that_stays(tmp_path: Path) -> None:
    for name in ("wild cats", "dog", "cat"):
        write_images(tmp_path / "train" / name, 2)
        write_images(tmp_path / "test" / name, 2)
    reading = read(tmp_path, "many-folders")
    assert [stream.name for stream in reading.streams] == ["cat", "dog", "wild-cats"]
    assert folders(reading)["wild-cats"] == {"train": "train/wild cats", "test": "test/wild cats"}
    assert [stream.name for stream in read(tmp_path, "many-folders", domains="dog,cat").streams] == ["dog", "cat"]


def test_two_pictures(tmp_path: Path) -> None:
    write_images(tmp_path / "photo", 1, 0)
    write_images(tmp_path / "monet", 1, 1)
    reading = read(tmp_path, "two-pictures", domains="photo,monet")
    assert folders(reading)["A"] == {"train": "photo", "test": "photo"}
    assert reading.held_out is None
    write_images(tmp_path / "photo", 1, 2)
    assert "photo holds 2 pictures instead of one" in refused(tmp_path, "two-pictures")


def test_label_maps_are_known_by_their_pixels(tmp_path: Path) -> None:
    names = ["x", "y"]
    write_images(tmp_path / "images", names, 0)
    (tmp_path / "labels").mkdir()
    for name in names:
        Image.new("L", (20, 14), 3).save(tmp_path / "labels" / f"{name}.png")
    reading = read(tmp_path, "label-maps")
    assert reading.label_maps
    assert folders(reading) == {"A": {"train": "labels"}, "B": {"train": "images"}}
    write_images(tmp_path / "two" / "a", names, 0)
    write_images(tmp_path / "two" / "b", names, 0)
    assert "no folder holds label maps" in refused(tmp_path / "two", "label-maps")


def test_more_than_two_folders_need_a_choice_which(tmp_path: Path) -> None:
    for number, name in enumerate(("cat", "dog", "wild")):
        write_images(tmp_path / name, 2, number)
    assert "holds 3 folders of images (cat, dog, wild): name two with --domains FROM,TO" in refused(tmp_path)
    assert folders(read(tmp_path, domains="wild,cat")) == {"A": {"train": "wild"}, "B": {"train": "cat"}}
    assert "named 'dgo'; did you mean dog" in refused(tmp_path, domains="cat,dgo")


def test_a_folder_that_is_named_like_a_split_can_be_a_domain(tmp_path: Path) -> None:
    write_images(tmp_path / "train", 2, 0)
    write_images(tmp_path / "ship", 2, 1)
    assert folders(read(tmp_path, domains="train,ship")) == {"A": {"train": "train"}, "B": {"train": "ship"}}


def test_what_is_not_read_is_said(tmp_path: Path) -> None:
    for number, name in enumerate(("trainA", "trainB", "previews")):
        write_images(tmp_path / name, 2, number)
    write_images(tmp_path, 1, 9)
    write_images(tmp_path / "trainA" / "@eaDir", 1, 8)
    lines = read_folder(tmp_path, TRANSLATION, None, ())[1]
    assert "not read, since other folders are named as splits: previews" in lines
    assert "not read, since they are beside the folders: 1 image" in lines


def test_folders_of_other_programs_are_no_domains(tmp_path: Path) -> None:
    write_images(tmp_path / "a", 2, 0)
    write_images(tmp_path / "b", 2, 1)
    write_images(tmp_path / "__MACOSX" / "a", 2, 2)
    write_images(tmp_path / ".thumbnails", 2, 3)
    assert list(arrangement(tmp_path).domains) == ["a", "b"]


def test_folders_that_hold_nothing_to_read_are_refused(tmp_path: Path) -> None:
    assert "no such folder" in refused(tmp_path / "gone")
    (tmp_path / "notes.txt").write_text("nothing")
    assert "holds no image (.bmp" in refused(tmp_path)
    write_images(tmp_path / "testA", 2, 0)
    write_images(tmp_path / "testB", 2, 1)
    assert "A holds no training images" in refused(tmp_path)
    assert "no layout that this task can take named 'pair'; did you mean pairs" in refused(tmp_path, asked="pair")


def test_links_in_circles_are_not_followed(tmp_path: Path) -> None:
    write_images(tmp_path / "a", 2, 0)
    write_images(tmp_path / "b", 2, 1)
    (tmp_path / "a" / "again").symlink_to(tmp_path, target_is_directory=True)
    assert list(arrangement(tmp_path).domains) == ["a", "b"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_is_named_in_the_documentation(name: str) -> None:
    page = Path(__file__).parents[3] / "docs" / "own-images.md"
    assert f"`{name}`" in page.read_text(encoding="utf-8")
