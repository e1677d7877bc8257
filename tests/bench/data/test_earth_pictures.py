from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from bench.data.earth import load_raster
from bench.data.opening import open_dataset
from bench.schema.data import EarthPicture, EarthPictureData

A = {"layer": "relief", "west": -20, "north": 28, "width": 96, "height": 80}
B = {"layer": "satellite", "west": -128, "north": 52, "width": 70, "height": 64}


@pytest.fixture
def dataset(earth_cache):
    yield open_dataset(EarthPictureData(A=A, B=B), earth_cache, earth_cache)
    load_raster.cache_clear()


def test_pictures_are_parts_of_the_rasters_and_the_truth_lies_where_a_is(dataset) -> None:
    y, x = (90 - 28) * 15, (180 - 20) * 15
    relief, satellite = load_raster("relief"), load_raster("satellite")
    for split in ("train", "test"):
        assert np.array_equal(dataset.images(split, "A").pixels(0), relief[y : y + 80, x : x + 96])
    assert np.array_equal(dataset.images("test", "B").pixels(0), satellite[y : y + 80, x : x + 96])
    y, x = (90 - 52) * 15, (180 - 128) * 15
    assert np.array_equal(dataset.images("train", "B").pixels(0), satellite[y : y + 64, x : x + 70])


def test_names_files_and_alignment(dataset) -> None:
    assert dataset.name == "earth-relief2satellite-pictures"
    assert dataset.images("test", "A").names == ("relief_n28_w020",)
    assert [path.name for path, _ in dataset.raw_files()] == ["shadedrelief.jpg", "bmng.jpg"]
    assert not dataset.aligned("train")
    assert dataset.aligned("test")
    assert EarthPicture(layer="relief", west=110, north=-10).corner == (4350, 1500)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"B": A | {"layer": "satellite", "west": -15}}, "show the same place"),
        ({"A": A | {"west": 179}}, "leaves the map"),
        ({"A": A | {"north": -88}}, "leaves the map"),
        ({"A": A | {"layer": "land"}}, "layer"),
    ],
)
def test_pictures_that_make_no_sense_are_refused(changes, message) -> None:
    with pytest.raises(ValidationError, match=message):
        EarthPictureData.model_validate({"A": A, "B": B} | changes)
