import numpy as np
import pytest
from PIL import Image

from bench.data.labels import ArrayLabels, LabelMaps, resized_labels


class Two(LabelMaps):
    """Two maps with instance numbers above 255, counting how often they are read."""

    channels = 2
    reads = 0

    def __len__(self) -> int:
        return 2

    def labels(self, i: int) -> np.ndarray:
        self.reads += 1
        rng = np.random.default_rng(i)
        return np.stack([rng.integers(0, 35, (6, 9)), rng.integers(0, 34_000, (6, 9))], axis=-1).astype(np.uint16)


def test_resizing_takes_the_nearest_pixel_of_every_channel():
    maps = Two()
    resized = maps.resized(0, (5, 4))
    assert (resized.shape, resized.dtype) == ((4, 5, 2), np.uint16)
    rows, columns = (np.floor((np.arange(n) + 0.5) * side / n).astype(int) for n, side in ((4, 6), (5, 9)))
    np.testing.assert_array_equal(resized, maps.labels(0)[rows][:, columns])


def test_resizing_is_pils_nearest_neighbour():
    classes = np.random.default_rng(0).integers(0, 17, (1, 64, 64), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(classes[0]).resize((72, 72), Image.Resampling.NEAREST))
    np.testing.assert_array_equal(ArrayLabels(classes).resized(0, (72, 72))[..., 0], expected)


def test_resized_maps_are_kept_on_disk(tmp_path):
    maps = Two()
    first = resized_labels(maps, "f", "train", (5, 4), tmp_path)
    reads = maps.reads
    again = resized_labels(maps, "f", "train", (5, 4), tmp_path)
    for i in range(2):
        np.testing.assert_array_equal(again(i), Two().resized(i, (5, 4)))
        np.testing.assert_array_equal(first(i), again(i))
    assert maps.reads == reads
    other = resized_labels(maps, "other pixels", "train", (5, 4), tmp_path)
    np.testing.assert_array_equal(other(1), again(1))
    assert maps.reads > reads


def test_maps_over_the_budget_are_made_at_each_call(tmp_path, caplog):
    read = resized_labels(Two(), "f", "train", (5, 4), tmp_path, budget_bytes=10)
    np.testing.assert_array_equal(read(1), Two().resized(1, (5, 4)))
    assert "over the cache" in caplog.text
    assert not list(tmp_path.iterdir())


def test_class_arrays_have_one_channel():
    with pytest.raises(IndexError):
        ArrayLabels(np.zeros((1, 4, 4), np.uint8)).labels(1)
    assert ArrayLabels(np.full((1, 4, 4), 255, np.uint8)).labels(0).max() == 255
