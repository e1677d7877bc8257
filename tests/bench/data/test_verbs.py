import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.data.labels import LabelRule
from bench.data.opening import open_dataset
from bench.data.verbs import data_rows, data_state, print_data, sheet, verify
from bench.schema.data import EarthData, FolderData, PairedFolderData

Make = Callable[..., Path]
TOYS = FolderData(name="toys", counts={"trainA": 6})


def test_state_of_a_data_set_that_is_present_absent_or_damaged(make_folders: Make, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    absent = data_state(TOYS, tmp_path, cache)
    assert (absent.name, absent.state, absent.counts) == ("toys", "not here", {})
    assert "put its trainA" in absent.message
    root = make_folders()
    present = data_state(TOYS, root, cache)
    assert (present.state, present.message) == ("present", "")
    assert present.counts == {"train A": 5, "train B": 7, "test A": 2, "test B": 3}
    assert present.deviations == ["toys/trainA holds 5 images, published 6"]
    for path in (root / "toys" / "testA").iterdir():
        path.unlink()
    damaged = data_state(TOYS, root, cache)
    assert damaged.state == "damaged"
    assert "testA: holds no image" in damaged.message


def test_verify_lists_every_unreadable_image(make_folders: Make, tmp_path: Path) -> None:
    root, cache = make_folders(), tmp_path / "cache"
    sound = verify(TOYS, root, cache)
    assert sound.problems == []
    assert sound.raw_files == 17
    assert sound.fingerprint == open_dataset(TOYS, root, cache).fingerprint()
    for name in ("trainA/im01.png", "testB/im00.png"):
        (root / "toys" / name).write_bytes(b"")
    broken = verify(TOYS, root, cache)
    assert broken.fingerprint == ""
    assert len(broken.problems) == 2
    assert "im01.png" in broken.problems[0]


def test_verify_notices_pixels_that_changed_behind_the_cache(make_folders: Make, tmp_path: Path) -> None:
    root, cache = make_folders(), tmp_path / "cache"
    path = root / "toys" / "trainA" / "im00.bmp"
    Image.new("RGB", (4, 4), "red").save(path)
    verify(TOYS, root, cache)
    before = path.stat()
    Image.new("RGB", (4, 4), "blue").save(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    [problem] = verify(TOYS, root, cache).problems
    assert "files changed while keeping names, sizes and times" in problem


def test_every_protocol_has_a_row(earth_cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = {row.protocol: row for row in data_rows(earth_cache, tmp_path)}
    assert rows["earth-relief2sat"].state == "present"
    assert rows["horse2zebra"].state == "not here"
    print_data(list(rows.values()))
    printed = capsys.readouterr().out
    assert "earth-relief2sat" in printed
    assert "not here" in printed


def test_sheets_are_written(make_folders: Make, earth_cache: Path, tmp_path: Path) -> None:
    path = sheet(TOYS, make_folders(), tmp_path / "cache", tmp_path / "out" / "toys.png")
    with Image.open(path) as image:
        assert image.height > 4 * 80  # a row for each of train A, train B, test A, test B
    path = sheet(EarthData(A="land"), tmp_path, earth_cache, tmp_path / "earth.png")
    with Image.open(path) as image:
        assert image.width > 12 * 128
        assert image.height > 6 * 128


def test_verify_lists_everything_that_cannot_be_read(make_folders: Make, tmp_path: Path) -> None:
    root = make_folders()
    folder = root / "toys" / "trainA"
    for name in ("b.png", "c.png"):
        (folder / name).symlink_to("/nowhere/x.png")
    os.mkfifo(folder / "d.png")
    (root / "toys" / "testB" / "e.png").write_bytes(b"")
    found = verify(TOYS, root, tmp_path / "cache")
    assert [line.partition(":")[0].rpartition("/")[2] for line in found.problems] == [
        "b.png",
        "c.png",
        "d.png",
        "e.png",
    ]
    assert (found.fingerprint, found.raw_files) == ("", 21)


def test_verify_of_what_cannot_be_opened_lists_it(make_folders: Make, tmp_path: Path) -> None:
    root = make_folders(trainA=1, trainB=1)
    for side in "AB":
        (root / "toys" / f"test{side}").mkdir()
    found = verify(TOYS, root, tmp_path / "cache")
    assert len(found.problems) == 2
    assert found.counts == {}


def test_verify_says_what_a_reader_may_not_expect(make_folders: Make, tmp_path: Path) -> None:
    root = make_folders()
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(root / "toys" / "trainB" / "im00.png")
    Image.new("RGB", (4, 4)).save(root / "toys" / "trainB" / "x.webp")
    found = verify(TOYS, root, tmp_path / "cache")
    assert found.problems == []
    assert any("train B: " in line and "1 .webp" in line for line in found.notices)
    assert "toys/trainB: 1 of 7 images hold 16 bits of grey, scaled to 8, v / 257 rounded" in found.notices


def test_verify_reads_the_pixels_once_where_nothing_is_remembered(
    make_folders: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, cache = make_folders(), tmp_path / "cache"
    digest = verify(TOYS, root, cache).fingerprint
    monkeypatch.setattr("bench.data.dataset.DataSet.compute_fingerprint", lambda self: pytest.fail("read again"))
    assert open_dataset(TOYS, root, cache).fingerprint() == digest


def test_verify_checks_label_maps_against_the_methods_rules(tmp_path: Path) -> None:
    config = PairedFolderData(name="city", images="photo/{split}/*.png", labels="label/{split}/*.png")
    for split in ("train", "val"):
        for kind in ("photo", "label"):
            (tmp_path / "city" / kind / split).mkdir(parents=True)
        for i, highest in enumerate((3, 7, 255)):
            Image.new("RGB", (4, 4)).save(tmp_path / "city" / "photo" / split / f"{i}.png")
            labels = np.zeros((4, 4), np.uint8)
            labels[0, 0] = highest
            Image.fromarray(labels).save(tmp_path / "city" / "label" / split / f"{i}.png")
    rules = [LabelRule(5, unlabelled=False, method="one"), LabelRule(8, unlabelled=True, method="two")]
    problems = verify(config, tmp_path, tmp_path / "cache", rules).problems
    assert len(problems) == 4
    assert problems[0].endswith("label/train/1.png of city train: has class 7, but label_nc is 5; set label_nc (one)")
    assert problems[1].endswith("2.png of city train: has unlabelled pixels; set contain_dontcare_label (one)")
    (tmp_path / "city" / "photo" / "val" / "2.png").unlink()
    (tmp_path / "city" / "label" / "val" / "0.png").unlink()
    assert len(verify(config, tmp_path, tmp_path / "cache", rules).problems) == 2
