from __future__ import annotations

import numpy as np
import pytest

from bench.base.errors import NotAvailable
from bench.data.dataset import DataProblems
from bench.data.opening import open_dataset
from bench.schema.data import PictureData


def open_pictures(root, **config):
    return open_dataset(PictureData(name="toys", **config), root, root.parent / "cache")


def test_a_picture_of_each_is_learnt_from_and_translated(make_folders) -> None:
    dataset = open_pictures(make_folders(trainA=1, trainB=1))
    assert dataset.splits == ("train", "test")
    for stream in "AB":
        assert len(dataset.images("train", stream)) == 1
        assert np.array_equal(dataset.images("train", stream).pixels(0), dataset.images("test", stream).pixels(0))
    assert not dataset.aligned("test")
    assert len(dataset.fingerprint()) == 64


def test_direction_swaps_the_pictures(make_folders) -> None:
    root = make_folders(trainA=1, trainB=1)
    forward, backward = open_pictures(root), open_pictures(root, direction="BtoA")
    assert np.array_equal(forward.images("test", "A").pixels(0), backward.images("test", "B").pixels(0))
    assert (forward.ordered, backward.ordered) == ("A", "B")


def test_what_is_missing_or_too_much_is_said(make_folders, tmp_path) -> None:
    with pytest.raises(NotAvailable, match=r"toys is not here; put the picture to translate into \S+/toys/trainA and"):
        open_pictures(tmp_path / "nowhere")
    with pytest.raises(NotAvailable, match=r"incomplete: \S+/trainB is missing"):
        open_pictures(make_folders(trainA=1))
    with pytest.raises(DataProblems, match=r"more/trainB: several pictures; leave one"):
        open_dataset(PictureData(name="more"), make_folders("more", trainA=1, trainB=2), tmp_path / "cache")
