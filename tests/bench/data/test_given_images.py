from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.base.errors import BenchError
from bench.data.given_images import GivenImages
from bench.data.images import FileImages
from bench.data.opening import open_dataset
from bench.schema.data import DomainFolderData, EarthData, FolderData, PairedFolderData

PAIRED = PairedFolderData(name="rooms", images="{split}/images/*.jpg", labels="{split}/labels/*.png", first_class=1)


@pytest.fixture
def given(tmp_path: Path) -> FileImages:
    Image.fromarray(np.array([[0, 1], [2, 255]], dtype=np.uint8)).save(tmp_path / "m.png")
    return FileImages([tmp_path / "m.png"])


def unused() -> None:
    raise AssertionError


def test_they_stand_for_the_test_images_of_every_stream(given: FileImages, tmp_path: Path) -> None:
    seasons = GivenImages(DomainFolderData(name="seasons", domains=["spring", "winter"]), given, tmp_path, unused)
    assert seasons.streams == ("spring", "winter")
    assert seasons.images("test", "winter").names == ("m.png",)
    assert not seasons.aligned("test")
    with pytest.raises(BenchError, match="has no split 'train'; it has test"):
        seasons.images("train", "winter")
    assert GivenImages(FolderData(name="toys"), given, tmp_path, unused).streams == ("A",)


def test_label_maps_are_counted_as_the_data_sets_are(given: FileImages, tmp_path: Path) -> None:
    maps = GivenImages(PAIRED, given, tmp_path, unused).labels("test")
    assert maps.labels(0)[..., 0].tolist() == [[255, 0], [1, 255]]
    maps = GivenImages(EarthData(A="land", paired=True), given, tmp_path, unused).labels("test")
    assert maps.labels(0)[..., 0].tolist() == [[0, 1], [2, 255]]


def test_colours_are_the_data_sets(given: FileImages, tmp_path: Path) -> None:
    config = EarthData(A="land", paired=True)
    land = GivenImages(config, given, tmp_path, lambda: open_dataset(config, tmp_path, tmp_path))
    assert land.colours().shape[1] == 3
    (entry,) = land.raw_files()
    assert land.raw_state() == entry[1]
