from __future__ import annotations

import numpy as np
import pytest

from bench.base.errors import BenchError
from bench.data.images import ArrayImages
from bench.data.tiles import Tiles

PICTURES = ArrayImages(["a", "b"], np.random.default_rng(0).integers(0, 256, (2, 17, 25, 3), dtype=np.uint8))


def test_squares_row_by_row_and_edges_cut_off() -> None:
    tiles = Tiles(PICTURES, 8)
    assert len(tiles) == 2 * 2 * 3
    assert tiles.names[4] == "a_y0008_x0008"
    assert np.array_equal(tiles.pixels(4), PICTURES.pixels(0)[8:16, 8:16])
    assert np.array_equal(tiles.pixels(11), PICTURES.pixels(1)[8:16, 16:24])
    assert tiles.image(0).size == (8, 8)


def test_a_picture_without_a_square_is_refused() -> None:
    with pytest.raises(BenchError, match=r"a: 25x17 pixels; at least 18 are needed"):
        Tiles(PICTURES, 18)
