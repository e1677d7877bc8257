import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.data.contact_sheet import contact_sheet

SCRIPT = Path(__file__).parents[2] / "docs" / "draw_mini.py"


@pytest.fixture(scope="module")
def mini():
    spec = importlib.util.spec_from_file_location("draw_mini", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sheet(name: str, seed: int, places: int = 0) -> Image.Image:
    def row(number: int) -> list[np.ndarray]:
        return list(np.random.default_rng(number).integers(0, 256, (8, 64, 64, 3), dtype=np.uint8))

    return contact_sheet([("input A", row(places)), (name, row(seed)), ("truth B", row(places + 100))])


def test_pictures_are_put_together_row_by_row(mini):
    pictures = {"cut": sheet("cut", 1), "a_long_name": sheet("a_long_name", 2)}
    rows = mini.rows_of(mini.together(pictures))
    assert len(rows) == 4
    for row, (name, place) in zip(rows, (("cut", 0), ("cut", 1), ("a_long_name", 1), ("cut", 2)), strict=True):
        assert np.array_equal(row, mini.rows_of(pictures[name])[place])
    expected = np.random.default_rng(2).integers(0, 256, (8, 64, 64, 3), dtype=np.uint8)
    assert np.array_equal(np.asarray(rows[2])[:, ::2, ::2], expected)


def test_pictures_of_other_places_are_refused(mini):
    with pytest.raises(ValueError, match=r"mini-b\.png and mini-a\.png show other places"):
        mini.together({"a": sheet("a", 1), "b": sheet("b", 2, places=7)})


def test_the_readme_shows_every_method_that_has_a_picture(mini):
    made = mini.rows_of(mini.together(mini.there()))
    with Image.open(mini.IMAGES / "mini-land2sat.png") as shown:
        assert np.array_equal(mini.rows_of(shown), made), "run `python docs/draw_mini.py HOME` and commit the picture"
