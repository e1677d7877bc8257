from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.base.errors import BenchError
from bench.data.images import FileImages
from bench.data.opening import open_dataset
from bench.data.resized_cache import resized_images
from bench.schema.data import FolderData

Make = Callable[..., Path]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The indices of images decoded from files, as they happen."""
    calls: list[int] = []
    original = FileImages.image
    monkeypatch.setattr(FileImages, "image", lambda self, i: calls.append(i) or original(self, i))
    return calls


def test_images_are_resized_once_and_for_all(make_folders: Make, tmp_path: Path, decoded: list[int]) -> None:
    root, cache = make_folders(), tmp_path / "cache"
    dataset = open_dataset(FolderData(name="toys"), root, cache)
    read = resized_images(dataset, "train", "A", 16, cache)
    expected = Image.open(root / "toys" / "trainA" / "im02.png").resize((16, 16), Image.Resampling.BICUBIC)
    decoded.clear()
    np.testing.assert_array_equal(read(2), np.asarray(expected))
    again = resized_images(open_dataset(FolderData(name="toys"), root, cache), "train", "A", 16, cache)
    np.testing.assert_array_equal(again(2), np.asarray(expected))
    assert decoded == []


@pytest.mark.parametrize("reason", ["over budget", "unwritable"])
def test_falls_back_to_decoding_at_each_call(
    make_folders: Make, tmp_path: Path, decoded: list[int], caplog: pytest.LogCaptureFixture, reason: str
) -> None:
    root, cache = make_folders(), tmp_path / "cache"
    dataset = open_dataset(FolderData(name="toys"), root, cache)
    stored = resized_images(dataset, "train", "B", 16, cache)
    (tmp_path / "file").write_text("")
    place, budget = (tmp_path / "file", 1 << 20) if reason == "unwritable" else (cache, 5000)
    read = resized_images(dataset, "train", "B", 16, place, budget)
    decoded.clear()
    for i in (3, 3, 0):
        np.testing.assert_array_equal(read(i), stored(i))
    assert decoded == [3, 3, 0]
    assert len(caplog.records) == 1


def test_unreadable_image_stops_the_preparation(make_folders: Make, tmp_path: Path) -> None:
    root = make_folders()
    dataset = open_dataset(FolderData(name="toys"), root, tmp_path / "cache")
    dataset.fingerprint()
    path = root / "toys" / "trainA" / "im02.png"
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(BenchError, match=r"im02\.png"):
        resized_images(dataset, "train", "A", 16, tmp_path / "cache")
