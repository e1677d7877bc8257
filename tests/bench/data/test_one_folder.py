from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.base.errors import BenchError, NotAvailable
from bench.data.opening import open_dataset
from bench.schema.data import ImageFolderData


def make(root: Path, count: int = 6) -> None:
    for i in range(count):
        path = root / "faces" / f"{i % 2}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), i, dtype=np.uint8)).save(path)


def opened(tmp_path: Path, **config: object):
    return open_dataset(ImageFolderData(name="faces", **config), tmp_path, tmp_path / "cache")


def test_one_stream_in_a_fixed_order(tmp_path: Path) -> None:
    make(tmp_path)
    dataset = opened(tmp_path)
    assert dataset.streams == ("B",)
    assert dataset.splits == ("train", "test")
    names = dataset.images("train", "B").names
    assert sorted(names) == ["0/0.png", "0/2.png", "0/4.png", "1/1.png", "1/3.png", "1/5.png"]
    assert list(names) != sorted(names)
    assert names == opened(tmp_path).images("test", "B").names
    assert int(dataset.images("train", "B").pixels(0)[0, 0, 0]) == int(Path(names[0]).stem)
    assert not dataset.aligned("test")
    with pytest.raises(BenchError, match="has no stream 'A'"):
        dataset.images("train", "A")


def test_subsets_lie_inside_each_other_and_all_images_are_compared_with(tmp_path: Path) -> None:
    make(tmp_path)
    names = {n: opened(tmp_path, subset=n).images("train", "B").names for n in (2, 4)}
    assert names[4][:2] == names[2]
    assert len(opened(tmp_path, subset=2).images("test", "B")) == 6
    assert opened(tmp_path, subset=2, compare_with="subset").images("test", "B").names == names[2]
    assert len(opened(tmp_path, compare_at_most=5).images("test", "B")) == 5


def test_fingerprint_depends_on_the_pixels(tmp_path: Path) -> None:
    make(tmp_path)
    before = opened(tmp_path).fingerprint()
    Image.fromarray(np.full((9, 8, 3), 200, dtype=np.uint8)).save(tmp_path / "faces" / "0" / "0.png")
    assert opened(tmp_path).fingerprint() != before


def test_missing_images_are_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(NotAvailable, match="data set faces is not here; put its images under"):
        opened(tmp_path)
    (tmp_path / "faces").mkdir()
    with pytest.raises(BenchError, match="holds no image"):
        opened(tmp_path)
    make(tmp_path)
    with pytest.raises(NotAvailable, match="holds 6 images, fewer than the subset of 7"):
        opened(tmp_path, subset=7)
    assert opened(tmp_path, count=9).count_deviations() == ["faces holds 6 images, published 9"]
    assert opened(tmp_path, count=6).count_deviations() == []
    assert len(opened(tmp_path).raw_files()) == 6
