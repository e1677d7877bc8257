"""The 19 classes that Cityscapes is scored by, out of the 35 numbers in its label files.

Source: Cordts et al., "The Cityscapes Dataset", CVPR 2016; mcordts/cityscapesScripts, helpers/labels.py (`trainId`).
"""

from __future__ import annotations

import numpy as np

from bench.plugin.config import UNKNOWN

# (name, number in *_gtFine_labelIds.png, colour in *_gtFine_color.png), in the order of the training ids 0..18
CLASSES: tuple[tuple[str, int, tuple[int, int, int]], ...] = (
    ("road", 7, (128, 64, 128)),
    ("sidewalk", 8, (244, 35, 232)),
    ("building", 11, (70, 70, 70)),
    ("wall", 12, (102, 102, 156)),
    ("fence", 13, (190, 153, 153)),
    ("pole", 17, (153, 153, 153)),
    ("traffic light", 19, (250, 170, 30)),
    ("traffic sign", 20, (220, 220, 0)),
    ("vegetation", 21, (107, 142, 35)),
    ("terrain", 22, (152, 251, 152)),
    ("sky", 23, (70, 130, 180)),
    ("person", 24, (220, 20, 60)),
    ("rider", 25, (255, 0, 0)),
    ("car", 26, (0, 0, 142)),
    ("truck", 27, (0, 0, 70)),
    ("bus", 28, (0, 60, 100)),
    ("train", 31, (0, 80, 100)),
    ("motorcycle", 32, (0, 0, 230)),
    ("bicycle", 33, (119, 11, 32)),
)
LABEL_IDS = np.array([number for _, number, _ in CLASSES])
PALETTE = np.array([colour for _, _, colour in CLASSES], dtype=np.uint8)


def training_ids() -> np.ndarray:
    """The table from a number in a label file to its training id: uint8 (256,), UNKNOWN for what is not scored."""
    table = np.full(256, UNKNOWN, dtype=np.uint8)
    table[LABEL_IDS] = np.arange(len(LABEL_IDS))
    return table
