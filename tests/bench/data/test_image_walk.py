import os
from pathlib import Path

import pytest
from PIL import Image

from bench.base.errors import BenchError
from bench.data import image_walk
from bench.data.image_walk import walk_images


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (2, 2)).save(path, "PNG")
    return path


def test_plain_folders_have_nothing_to_say(tmp_path: Path) -> None:
    files = [picture(tmp_path / name) for name in ("b.png", "a.JPG", "sub/c.Tiff")]
    found = walk_images(tmp_path)
    assert found.files == sorted(files, key=str)
    assert (found.notices, found.problems) == ([], [])


def test_a_link_to_a_folder_above_is_said_and_not_followed(tmp_path: Path) -> None:
    picture(tmp_path / "sub" / "a.png")
    (tmp_path / "all").symlink_to(".")
    (tmp_path / "sub" / "up").symlink_to(tmp_path)
    found = walk_images(tmp_path)
    assert len(found.files) == 1
    assert len(found.notices) == 2
    assert all("is a link to a folder above it and is not followed" in line for line in found.notices)


def test_a_folder_linked_twice_counts_twice_and_is_said(tmp_path: Path) -> None:
    picture(tmp_path / "one" / "a.png")
    (tmp_path / "two").symlink_to("one")
    found = walk_images(tmp_path)
    assert len(found.files) == 2
    assert "two: is the folder" in found.notices[0]
    assert "its images count again" in found.notices[0]


@pytest.mark.parametrize("place", [".ipynb_checkpoints", "@eaDir/a.png", "__MACOSX", ".thumbnails", "$RECYCLE.BIN"])
def test_folders_that_others_made_are_named_and_count(place: str, tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / place / "thumb.png")
    found = walk_images(tmp_path)
    assert len(found.files) == 2
    assert any(f"{place.split('/')[0]}: was not made for this data set; its 1 image count" in n for n in found.notices)


def test_hidden_and_skipped_files_are_counted(tmp_path: Path) -> None:
    for name in ("a.png", "._a.png", "b.webp", "c.webp"):
        picture(tmp_path / name)
    (tmp_path / "notes.txt").write_text("x")
    found = walk_images(tmp_path)
    assert len(found.files) == 2
    assert "1 image with hidden names (._a.png) count" in found.notices[0]
    assert "are skipped: 1 .txt, 2 .webp" in found.notices[1]


def test_folders_without_end_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for level in range(8):  # each twice in the one above: 255 ways
        (tmp_path / str(level)).mkdir()
        for name in ("x", "y") if level else ():
            (tmp_path / str(level - 1) / name).symlink_to(tmp_path / str(level))
    monkeypatch.setattr(image_walk, "MAX_FOLDERS", 50)
    with pytest.raises(BenchError, match="more than 50 folders, some through links"):
        walk_images(tmp_path / "0")
    monkeypatch.setattr(image_walk, "MAX_DEPTH", 4)
    monkeypatch.setattr(image_walk, "MAX_FOLDERS", 1000)
    with pytest.raises(BenchError, match="folders more than 4 deep"):
        walk_images(tmp_path / "0")


def test_names_of_any_bytes(tmp_path: Path) -> None:
    content = picture(tmp_path / "a.png").read_bytes()
    try:
        Path(os.fsdecode(bytes(tmp_path) + b"/\xff\xfe.png")).write_bytes(content)
    except OSError:
        pytest.skip("this file system takes text only")
    assert len(walk_images(tmp_path).files) == 2
