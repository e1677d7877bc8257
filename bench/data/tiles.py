"""Pictures cut into equal squares, so that a single one gives enough images to be compared."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from bench.base.errors import BenchError
from bench.data.images import ImageSet


class Tiles(ImageSet):
    """The squares of a grid from the left upper corner of each picture, row by row; what is left at the edges is cut off.

    Args:
        pictures: of any sizes; their sizes are read at once.
        side: of a square in pixels.

    Raises:
        BenchError: if a picture is smaller than a square.
    """

    def __init__(self, pictures: ImageSet, side: int) -> None:
        self.side = side
        self._places: list[tuple[int, int, int]] = []
        for number, name in enumerate(pictures.names):
            width, height = pictures.image(number).size
            if min(width, height) < side:
                raise BenchError(f"{name}: {width}x{height} pixels; at least {side} are needed to compare it")
            rows, columns = range(0, height - side + 1, side), range(0, width - side + 1, side)
            self._places += [(number, y, x) for y in rows for x in columns]
        self.names = tuple(f"{pictures.names[number]}_y{y:04d}_x{x:04d}" for number, y, x in self._places)
        self._decoded = lru_cache(maxsize=1)(pictures.pixels)

    def pixels(self, i: int) -> np.ndarray:
        """Square i as uint8 (side, side, 3); not to be written to."""
        number, y, x = self._places[i]
        return self._decoded(number)[y : y + self.side, x : x + self.side]
