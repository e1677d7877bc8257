from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from bench.base.randomness import Draws
from bench.data.opening import open_dataset
from bench.data.training_crops import CROPS, TrainingCrops
from bench.plugin.config import SingleImageConfig
from bench.schema.data import EarthPictureData, PictureData
from bench.tasks.sheet import sheet_columns
from bench.tasks.single_image import SingleImageTranslation
from bench.tasks.task import Selection

TASK = SingleImageTranslation()


class Darker(torch.nn.Module):
    """Halves what is above black; notes the sizes it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.config = SimpleNamespace(crop_size=32)
        self.sizes: list[tuple[int, ...]] = []

    def translate(self, images: torch.Tensor) -> torch.Tensor:
        self.sizes.append(tuple(images.shape))
        return (images + 1) / 2 - 1


@pytest.fixture
def dataset(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 131, 200, 3), dtype=np.uint8)
    for side, picture in zip("AB", pixels, strict=True):
        (tmp_path / "mine" / f"train{side}").mkdir(parents=True)
        Image.fromarray(picture).save(tmp_path / "mine" / f"train{side}" / "p.png")
    return open_dataset(PictureData(name="mine"), tmp_path, tmp_path / "cache")


def test_the_whole_picture_is_made_at_its_size(dataset, tmp_path) -> None:
    (group,) = TASK.groups(dataset, Selection("test", 32))
    method = Darker()
    TASK.sample(method, dataset, [group], tmp_path / "samples", lambda *_: None)
    assert method.sizes == [(1, 3, 132, 200)]  # sides are rounded to multiples of 4
    made = group.made(tmp_path / "samples")
    assert group.files == ["p.png"]
    assert made.image(0).size == (200, 132)
    assert made.pixels(0).max() <= 127


def test_squares_of_the_result_are_compared_with_those_of_the_picture_that_was_learnt_from(dataset) -> None:
    (group,) = TASK.groups(dataset, Selection("test", 32))
    fake, truth = TASK.compared(group, dataset.images("test", "A"))
    assert truth is None
    assert len(fake) == len(group.real) == 6
    assert fake.image(0).size == (64, 64)
    assert np.array_equal(group.real.pixels(5), dataset.images("train", "B").pixels(0)[64:128, 128:192])


def test_sheets_show_the_picture_whose_look_it_takes(dataset) -> None:
    (column,) = sheet_columns(TASK.groups(dataset, Selection("test", 32)), 8)
    assert np.array_equal(column.exemplar, dataset.images("train", "B").pixels(0))
    assert column.truth is None


def test_where_the_truth_is_known_its_squares_stand_beside_those_of_the_result(earth_pictures) -> None:
    (group,) = TASK.groups(earth_pictures, Selection("test", 32))
    smaller = earth_pictures.images("test", "A")
    fake, truth = TASK.compared(group, smaller)
    assert len(fake) == len(truth) == 2
    assert np.array_equal(truth.pixels(1), earth_pictures.images("test", "B").pixels(0)[:64, 64:128])
    assert not np.array_equal(group.real.pixels(0), truth.pixels(0))


@pytest.fixture
def earth_pictures(tmp_path):
    parts = {
        "A": {"layer": "relief", "west": -20, "north": 28, "width": 128, "height": 64},
        "B": {"layer": "satellite", "west": -128, "north": 52, "width": 64, "height": 64},
    }
    return open_dataset(EarthPictureData(**parts), tmp_path, tmp_path)


def test_training_batches_are_crops(dataset) -> None:
    method = SimpleNamespace(config=SingleImageConfig(n_epochs=1, n_epochs_decay=0, crop_size=32, batch_size=3))
    batches = TASK.batches(dataset, method, Draws(0), None, "cpu")
    assert isinstance(batches, TrainingCrops)
    assert batches.batch(0)["B"].shape == (3, 3, 32, 32)
    assert TASK.epoch_length(dataset) == CROPS
    assert TASK.expected_side(256) is None
