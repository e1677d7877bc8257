"""The feature cache: found by content, trusted only when whole, never in the way."""

import logging

import numpy as np
import pytest

from bench.features.cache import FeatureCache, content_hash


class ArrayImages:
    def __init__(self, arrays):
        self.arrays = arrays
        self.names = [str(i) for i in range(len(arrays))]

    def __len__(self):
        return len(self.arrays)

    def pixels(self, index):
        return self.arrays[index]


class Means:
    """Stands in for an extractor and counts its calls."""

    id, preprocessing, dimension, device_type = "means@1", "none", 3, "cpu"

    def __init__(self):
        self.calls = 0

    def features(self, images):
        self.calls += 1
        return np.stack([image.mean((0, 1)) for image in images]).astype(np.float32)


@pytest.fixture
def images():
    return ArrayImages(np.random.default_rng(0).integers(0, 256, (4, 6, 5, 3), np.uint8))


def test_once_per_content(tmp_path, images):
    extractor, cache = Means(), FeatureCache(tmp_path)
    first = cache.features(extractor, images)
    assert cache.features(extractor, ArrayImages(images.arrays.copy())) is first
    again = FeatureCache(tmp_path).features(extractor, images)
    assert extractor.calls == 1
    np.testing.assert_array_equal(again, first)
    assert not first.flags.writeable
    assert [p.suffix for p in tmp_path.rglob("*") if p.is_file()] == [".npz"]


def test_the_key_hangs_on_pixels_shape_order_extractor_and_preprocessing(tmp_path, images):
    cache, extractor = FeatureCache(tmp_path), Means()
    changed = images.arrays.copy()
    changed[3, 5, 4, 2] ^= 1
    other_preprocessing, other_network, other_device = Means(), Means(), Means()
    other_device.device_type = "cuda"
    other_preprocessing.preprocessing, other_network.id = "twice", "means@2"
    keys = [
        cache.key(extractor, images),
        cache.key(extractor, ArrayImages(changed)),
        cache.key(extractor, ArrayImages(images.arrays[::-1])),
        cache.key(extractor, ArrayImages(images.arrays[:3])),
        cache.key(extractor, ArrayImages(images.arrays.reshape(4, 5, 6, 3))),
        cache.key(other_preprocessing, images),
        cache.key(other_network, images),
    ]
    assert len(set(keys)) == len(keys)


def test_names_do_not_count(images):
    renamed = ArrayImages(images.arrays)
    renamed.names = ["other"] * 4
    assert content_hash(renamed) == content_hash(images)


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "other"])
def test_a_damaged_file_is_reported_and_made_anew(tmp_path, images, caplog, damage):
    extractor = Means()
    good = FeatureCache(tmp_path).features(extractor, images)
    (path,) = tmp_path.rglob("*.npz")
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[content.index(good.tobytes()) + 1] ^= 255
    path.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "other": b"text"}.get(damage, content))
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(FeatureCache(tmp_path).features(extractor, images), good)
    assert str(path) in caplog.text
    assert extractor.calls == 2
    FeatureCache(tmp_path).features(extractor, images)
    assert extractor.calls == 2


def test_wrong_values_with_a_valid_file_format_are_not_trusted(tmp_path, images):
    extractor = Means()
    good = FeatureCache(tmp_path).features(extractor, images)
    (path,) = tmp_path.rglob("*.npz")
    with np.load(path) as stored:
        checksum = stored["sha256"]
    np.savez(path, features=good + 1, sha256=checksum)
    np.testing.assert_array_equal(FeatureCache(tmp_path).features(extractor, images), good)


def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path, images, caplog):
    (tmp_path / "file").write_text("in the way")
    extractor = Means()
    for _ in range(2):
        assert FeatureCache(tmp_path / "file").features(extractor, images).shape == (4, 3)
    assert extractor.calls == 2
    assert "not kept" in caplog.text
