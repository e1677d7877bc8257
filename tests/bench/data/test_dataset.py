import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.base.errors import BenchError
from bench.data.dataset import DataSet
from bench.data.images import ArrayImages, FileImages, Fitted, Subset
from bench.data.opening import open_dataset
from bench.schema.data import FolderData

Make = Callable[..., Path]


def open_toys(root: Path, cache: Path) -> DataSet:
    return open_dataset(FolderData(name="toys"), root, cache)


def test_fingerprint_follows_its_formula_and_is_remembered(
    make_folders: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_folders()
    digest = hashlib.sha256()
    for split in ("train", "test"):
        for stream in "AB":
            for path in sorted((root / "toys" / f"{split}{stream}").iterdir()):
                digest.update(f"{split}/{stream}/{path.name}/(20, 30, 3)\n".encode())
                digest.update(np.asarray(Image.open(path)).tobytes())
    assert open_toys(root, tmp_path / "cache").fingerprint() == digest.hexdigest()

    def fail(self: DataSet) -> str:
        raise AssertionError("must come from the cache")

    monkeypatch.setattr(DataSet, "compute_fingerprint", fail)
    assert open_toys(root, tmp_path / "cache").fingerprint() == digest.hexdigest()


def test_fingerprint_changes_with_one_pixel_or_one_name_and_not_with_the_encoding(
    make_folders: Make, tmp_path: Path
) -> None:
    root, cache = make_folders(), tmp_path / "cache"
    before = open_toys(root, cache).fingerprint()
    path = root / "toys" / "testB" / "im01.png"
    pixels = np.array(Image.open(path))
    Image.fromarray(pixels).save(path, compress_level=0)
    assert open_toys(root, cache).fingerprint() == before
    pixels[3, 4, 1] ^= 1
    Image.fromarray(pixels).save(path)
    changed = open_toys(root, cache).fingerprint()
    assert changed != before
    path.rename(path.with_name("im09.png"))
    assert open_toys(root, cache).fingerprint() not in (before, changed)


def test_fingerprint_survives_a_damaged_and_an_unwritable_cache(
    make_folders: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root, cache = make_folders(), tmp_path / "cache"
    before = open_toys(root, cache).fingerprint()
    [stored] = (cache / "fingerprints").iterdir()
    content = bytearray(stored.read_bytes())
    content[-50] ^= 255
    stored.write_bytes(content)
    assert open_toys(root, cache).fingerprint() == before
    assert "damaged" in caplog.text
    (tmp_path / "file").write_text("")
    assert open_toys(root, tmp_path / "file" / "cache").fingerprint() == before


def test_unknown_split_and_stream_are_named(make_folders: Make, tmp_path: Path) -> None:
    dataset = open_toys(make_folders(), tmp_path / "cache")
    with pytest.raises(BenchError, match="no split 'validation'; it has train, test"):
        dataset.images("validation", "A")
    with pytest.raises(BenchError, match="no stream 'C'; it has A, B"):
        dataset.images("train", "C")


def test_subset_and_file_images(make_folders: Make) -> None:
    paths = sorted((make_folders() / "toys" / "trainA").iterdir())
    images = FileImages(paths)
    part = Subset(images, [4, 1])
    assert part.names == ("im04.png", "im01.png")
    np.testing.assert_array_equal(part.pixels(0), images.pixels(4))
    np.testing.assert_array_equal(np.asarray(part.image(1)), images.pixels(1))


def test_array_images_check_their_shape() -> None:
    with pytest.raises(ValueError, match="2 names"):
        ArrayImages(["a", "b"], np.zeros((3, 4, 4, 3), np.uint8))


def test_images_fitted_to_others_have_each_ones_size(tmp_path: Path) -> None:
    """One odd image must not decide the size of every truth."""
    sizes = [(7, 5), (8, 8), (8, 8)]  # (width, height)
    files = [tmp_path / f"{i}.png" for i in range(3)]
    for file, size in zip(files, sizes, strict=True):
        Image.new("RGB", size).save(file)
    truth = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    fitted = Fitted(ArrayImages(["a", "b", "c"], truth), FileImages(files))
    assert [fitted.image(i).size for i in range(3)] == sizes
    np.testing.assert_array_equal(fitted.pixels(1), truth[1])
    assert list(fitted.names) == ["a", "b", "c"]
