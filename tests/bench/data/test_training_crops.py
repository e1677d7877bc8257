"""Crops of two pictures: their sizes, places and draws, against the rules in the docstring computed anew."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from bench.base.errors import BenchError
from bench.base.randomness import Draws
from bench.data.opening import open_dataset
from bench.data.training_crops import CROPS, TrainingCrops
from bench.data.transforms import to_tensor
from bench.plugin.config import MethodConfig, SingleImageConfig
from bench.schema.data import PictureData


@pytest.fixture
def dataset(tmp_path):
    """Pictures whose red says the column and green the row; B is the other way up."""
    rows, columns = np.mgrid[0:90, 0:120].astype(np.uint8)
    picture = np.stack([columns, rows, 0 * rows], axis=-1)
    for side, pixels in {"A": picture, "B": picture[::-1, :80]}.items():
        (tmp_path / "two" / f"train{side}").mkdir(parents=True)
        Image.fromarray(np.ascontiguousarray(pixels)).save(tmp_path / "two" / f"train{side}" / "p.png")
    return open_dataset(PictureData(name="two"), tmp_path, tmp_path / "cache")


def crops(dataset, **config):
    settings = {"n_epochs": 2, "n_epochs_decay": 0, "batch_size": 4, "crop_size": 16, "images_per_epoch": 12} | config
    return TrainingCrops(dataset, SingleImageConfig(**settings), Draws(3), "cpu")


def columns_and_rows(batch: torch.Tensor) -> np.ndarray:
    return np.round((batch[:, :2].numpy() + 1) * 127.5).astype(int)


def test_without_zoom_crops_are_cells_of_the_picture(dataset) -> None:
    images = crops(dataset, random_scale_max=1, flip=False)
    for step in range(images.total_steps):
        batch = images.batch(step)
        assert batch.keys() == {"A", "B"}
        assert batch["A"].shape == (4, 3, 16, 16)
        for column, row in columns_and_rows(batch["A"]):
            assert np.array_equal(column, np.broadcast_to(column[0, 0] + np.arange(16), (16, 16)))
            assert np.array_equal(row, np.broadcast_to(row[0, 0] + np.arange(16)[:, None], (16, 16)))
            # 7 x 5 cells, and offsets below the 8 columns and 10 rows that are left
            assert column[0, 0] % 16 <= 120 - 7 * 16
            assert row[0, 0] % 16 <= 90 - 5 * 16


def test_an_epoch_takes_every_cell_number_once_and_the_next_in_another_order(dataset) -> None:
    images = crops(dataset, random_scale_max=1, flip=False, images_per_epoch=35, batch_size=5)
    epochs = []
    for epoch in range(2):
        corners = [columns_and_rows(images.batch(step)["A"])[:, :, 0, 0] for step in range(7 * epoch, 7 * epoch + 7)]
        epochs.append([(int(x) // 16, int(y) // 16) for x, y in np.concatenate(corners)])
    assert all(len(set(cells)) == 35 for cells in epochs)
    assert epochs[0] != epochs[1]


def test_a_batch_shares_its_zoom_which_each_side_and_picture_has_of_its_own(dataset) -> None:
    images = crops(dataset, flip=False)
    for stream, size in {"A": (120, 90), "B": (80, 90)}.items():
        width, height = images._zoomed(Draws(3).at(2), stream).shape[1::-1]
        factors = Draws(3).at(2).stream(f"data.{stream}.zoom").uniform(1 / 3, 1, size=2)
        assert (width, height) == tuple(round(max(16, side * f)) for side, f in zip(size, factors, strict=True))
        expected = np.asarray(images._pictures[stream].resize((width, height), Image.Resampling.BILINEAR))
        assert np.array_equal(images._zoomed(Draws(3).at(2), stream), expected)
    sizes = {images._zoomed(Draws(3).at(step), "A").shape for step in range(6)}
    assert len(sizes) == 6


def test_a_picture_smaller_than_a_crop_is_enlarged(dataset) -> None:
    images = crops(dataset, crop_size=128, load_size=128)
    assert images._zoomed(Draws(3).at(0), "A").shape[:2] == (128, 128)
    assert images.batch(0)["B"].shape == (4, 3, 128, 128)


def test_flips_mirror_and_nothing_else_changes(dataset) -> None:
    plain, flipped = crops(dataset, flip=False).batch(1), crops(dataset).batch(1)
    mirrored = Draws(3).at(1).stream("data.A.flip").random(4) < 0.5
    assert 0 < mirrored.sum() < 4
    for i, mirror in enumerate(mirrored):
        assert torch.equal(flipped["A"][i], plain["A"][i].flip(-1) if mirror else plain["A"][i])


def test_batches_depend_on_seed_and_step_alone(dataset) -> None:
    images = crops(dataset)
    late = images.batch(5)
    again = crops(dataset)
    again.batch(0)
    assert all(torch.equal(late[stream], again.batch(5)[stream]) for stream in late)
    assert not torch.equal(late["A"], images.batch(4)["A"])


def test_an_epoch_is_100000_crops_unless_said_otherwise(dataset) -> None:
    assert crops(dataset, images_per_epoch=None, batch_size=16).steps_per_epoch == CROPS // 16


def test_what_cannot_be_cropped_is_refused(dataset, tmp_path) -> None:
    with pytest.raises(BenchError, match="needs a SingleImageConfig"):
        TrainingCrops(dataset, MethodConfig(n_epochs=1, n_epochs_decay=0), Draws(0), "cpu")
    several = dataset.images("train", "A").subset([0, 0])
    dataset._images = lambda split, stream: several
    with pytest.raises(BenchError, match="data set two: 2 images in A; a single one"):
        crops(dataset)


def test_the_colours_are_scaled_as_everywhere(dataset) -> None:
    picture = dataset.images("train", "A").pixels(0)
    batch = crops(dataset, random_scale_max=1, flip=False).batch(0)["A"]
    x, y = columns_and_rows(batch)[0][:, 0, 0]
    assert torch.equal(batch[0], to_tensor(picture[y : y + 16, x : x + 16]))
