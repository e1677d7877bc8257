from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from bench.base.errors import BenchError
from bench.data.earth import BLOCK, BLOCKS, load_raster
from bench.data.earth_biomes import BIOMES, EarthBiomeDataSet
from bench.data.opening import open_dataset
from bench.schema.data import EarthBiomeData

CONFIG = EarthBiomeData(biomes=["cropland", "desert", "forest", "grassland"])


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> EarthBiomeDataSet:
    opened = open_dataset(CONFIG, Path("nowhere"), tmp_path_factory.mktemp("cache"))
    assert isinstance(opened, EarthBiomeDataSet)
    return opened


def test_streams_are_the_biomes_in_the_order_of_their_labels(dataset) -> None:
    assert dataset.streams == ("cropland", "desert", "forest", "grassland")
    assert dataset.splits == ("train", "validation", "test")
    counts = {split: [len(dataset.images(split, biome)) for biome in dataset.streams] for split in dataset.splits}
    assert min(counts["train"]) > 40
    assert min(counts["validation"] + counts["test"]) >= 5


def test_a_patch_is_of_the_biome_that_covers_most_of_it(dataset) -> None:
    land = load_raster("land")
    for biome in dataset.streams:
        for patch in dataset.patches("test", biome):
            assert np.isin(patch.cut(land, 64), BIOMES[biome]).mean() > 0.5
    image = dataset.images("test", "desert").pixels(0)
    patch = dataset.patches("test", "desert")[0]
    assert np.array_equal(image, patch.cut(load_raster("satellite"), 64))


def test_splits_lie_at_different_longitudes(dataset) -> None:
    roles = {
        split: {BLOCKS[patch.x // BLOCK] for biome in dataset.streams for patch in dataset.patches(split, biome)}
        for split in dataset.splits
    }
    assert roles == {"train": {"a", "b"}, "validation": {"v"}, "test": {"t"}}
    places = [patch for biome in dataset.streams for patch in dataset.patches("train", biome)]
    assert len(set(places)) == len(places)


def test_what_cannot_be_is_named(tmp_path) -> None:
    with pytest.raises(ValidationError, match="desert is named twice"):
        EarthBiomeData(biomes=["desert", "desert"])
    with pytest.raises(BenchError, match=r"earth-biomes: \w+ has no patch of \w+ at size 256"):
        open_dataset(EarthBiomeData(biomes=list(BIOMES), size=256, stride=256), Path("nowhere"), tmp_path)
