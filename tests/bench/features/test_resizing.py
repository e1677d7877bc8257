"""The dialects of FID's resizing against records of TensorFlow 1, clean-fid and pytorch-fid."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from bench.features.fid_inception_dialects import FIDInceptionClean, FIDInceptionTF1
from bench.features.resizing import resized_as_clean_fid, resized_as_pytorch_fid, resized_as_tensorflow1

RECORD = Path(__file__).parents[2] / "golden" / "metrics" / "resizing.npz"  # of the outputs every eighth row and column


@pytest.fixture
def record():
    return np.load(RECORD)


def test_tensorflow_1_to_the_bit(record):
    found = resized_as_tensorflow1(record["image"])
    assert found.dtype == np.float32
    assert hashlib.sha256(found.tobytes()).hexdigest() == str(record["tf1_sha256"])


def test_clean_fid_and_pytorch_fid(record):
    assert np.abs(resized_as_clean_fid(record["image"])[::8, ::8] - record["clean"]).max() < 1e-4
    assert np.abs(resized_as_pytorch_fid(record["image"])[::8, ::8] - record["pytorch"]).max() < 1e-3  # of 255


def test_an_image_of_the_right_size_stays_as_it_is():
    pixels = np.random.default_rng(0).integers(0, 256, (299, 299, 3), np.uint8)
    for resize in (resized_as_tensorflow1, resized_as_clean_fid, resized_as_pytorch_fid):
        assert np.array_equal(resize(pixels), pixels.astype(np.float32))
    for extractor in (FIDInceptionTF1(), FIDInceptionClean()):
        found = extractor.preprocess(pixels)
        assert tuple(found.shape) == (3, 299, 299)
        assert found.numpy() == pytest.approx((pixels.transpose(2, 0, 1).astype(np.float32) - 128) / 128)
