import numpy as np
import pytest

from bench.base.errors import BenchError
from bench.data.contact_sheet import BACKGROUND, contact_sheet


def test_small_images_are_enlarged_without_blur_and_every_one_is_drawn() -> None:
    colours = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    images = [np.full((64, 64, 3), c, np.uint8) for c in colours]
    sheet = np.asarray(contact_sheet([("one\n2 images", images[:2]), ("two", images[2:])], "title"))
    for colour in colours:
        assert (sheet == colour).all(-1).sum() == 128 * 128
    assert tuple(sheet[0, 0]) == BACKGROUND


def test_labels_make_the_sheet_as_wide_as_they_need() -> None:
    image = [np.zeros((64, 64, 3), np.uint8)]
    narrow, wide = (contact_sheet([(label, image)]) for label in ("ab", "a much longer label"))
    assert wide.width > narrow.width
    left = np.asarray(wide)[:, : wide.width - 128 - 40]
    assert (left.min(axis=(0, 2)) < 100).any()  # ink


def test_sizes_may_be_mixed_and_large_images_stay() -> None:
    sheet = contact_sheet([("mixed", [np.zeros((256, 300, 3), np.uint8), np.full((20, 10, 3), 9, np.uint8)])])
    pixels = np.asarray(sheet)
    assert (pixels == 0).all(-1).sum() == 256 * 300
    assert (pixels == 9).all(-1).sum() == 120 * 60


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(BenchError, match="at least one image"):
        contact_sheet([("empty", [])])
