import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from bench.data.opening import open_dataset
from bench.data.verbs import data_rows, data_state, print_data, sheet, verify
from bench.schema.data import EarthData, FolderData

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
