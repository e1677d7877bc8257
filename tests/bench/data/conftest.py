from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.data.earth import EarthDataSet, load_raster
from bench.data.opening import open_dataset
from bench.schema.data import EarthData


def noise(seed: int, height: int = 20, width: int = 30) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def make_folders(tmp_path: Path) -> Callable[..., Path]:
    """Write a folder data set of noise PNGs and return the data root."""

    def make(name: str = "toys", **counts: int) -> Path:
        counts = counts or {"trainA": 5, "trainB": 7, "testA": 2, "testB": 3}
        for number, (folder, count) in enumerate(counts.items()):
            (tmp_path / "data" / name / folder).mkdir(parents=True)
            for i in range(count):
                path = tmp_path / "data" / name / folder / f"im{i:02d}.png"
                Image.fromarray(noise(100 * number + i)).save(path)
        return tmp_path / "data"

    return make


@pytest.fixture(scope="session")
def earth_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("earth_cache")


@pytest.fixture(scope="session")
def earth(earth_cache: Path) -> Callable[..., EarthDataSet]:
    """Open Earth data with a cache that the whole session shares."""

    def open_earth(**config: object) -> EarthDataSet:
        dataset = open_dataset(EarthData(**config), earth_cache, earth_cache)
        assert isinstance(dataset, EarthDataSet)
        return dataset

    yield open_earth
    load_raster.cache_clear()
