import itertools

import numpy as np

from bench.data.land_cover import CLASS_NAMES, PALETTE, render


def test_palette_has_one_well_separated_colour_for_each_of_17_classes() -> None:
    assert len(CLASS_NAMES) == len(set(CLASS_NAMES)) == len(PALETTE) == 17
    distances = [np.abs(a.astype(int) - b).sum() for a, b in itertools.combinations(PALETTE, 2)]
    assert min(distances) >= 60


def test_labels_can_be_read_back_from_their_colours() -> None:
    classes = np.random.default_rng(0).integers(0, 17, (3, 8, 8), dtype=np.uint8)
    colours = render(classes)
    assert colours.shape == (3, 8, 8, 3)
    nearest = np.abs(colours[..., None, :].astype(int) - PALETTE).sum(-1).argmin(-1)
    np.testing.assert_array_equal(nearest, classes)
