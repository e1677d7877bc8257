from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import Field

from bench.base.errors import BenchError
from bench.base.randomness import Draws
from bench.data.dataset import DataSet
from bench.data.images import ArrayImages, ImageSet
from bench.data.labels import LabelMaps
from bench.data.training_pairs import TrainingPairs, condition, evaluation_conditions
from bench.plugin.config import MethodConfig, PairedConfig
from bench.schema.data import PairedFolderData


class Config(PairedConfig):
    n_epochs: int = 2
    n_epochs_decay: int = 1
    batch_size: int = 2
    load_size: int = 16
    crop_size: int = 8
    label_nc: int = Field(200, ge=1)


class Marked(DataSet):
    """Seven scenes whose every pixel is known by its class, instance number and colour alike."""

    splits = ("train", "test")

    def __init__(self, cache: Path) -> None:
        super().__init__(PairedFolderData(name="marked", images="*", labels="*"), cache)
        place = np.arange(16 * 16).reshape(16, 16) % 200
        self.classes = np.stack([(place + scene) % 200 for scene in range(7)]).astype(np.uint8)

    def _images(self, split: str, stream: str) -> ImageSet:
        names = [f"{i}.png" for i in range(7)]
        return ArrayImages(names, np.repeat(self.classes[..., None], 3, axis=-1))

    def labels(self, split: str) -> LabelMaps:
        classes = self.classes

        class Maps(LabelMaps):
            channels = 2

            def __len__(self) -> int:
                return 7

            def labels(self, i: int) -> np.ndarray:
                return np.stack([classes[i], classes[i].astype(np.uint16) + 1000], axis=-1).astype(np.uint16)

        return Maps()

    def aligned(self, split: str) -> bool:
        return True

    def raw_files(self):
        return []

    def raw_state(self) -> str:
        return "marked"


def pairs(cache: Path, seed: int = 0, **changes: object) -> TrainingPairs:
    return TrainingPairs(Marked(cache), ("A", "B"), Config.model_validate(changes), Draws(seed), cache, "cpu")


def colours(image: torch.Tensor) -> torch.Tensor:
    return ((image[:, :1] + 1) / 2 * 255).round()


def test_label_map_and_image_share_place_crop_and_flip(tmp_path):
    training = pairs(tmp_path)
    flips = set()
    for step in range(training.total_steps):
        batch = training.batch(step)
        assert batch["A"].shape == (2, 2, 8, 8)
        assert torch.equal(batch["A"][:, :1], colours(batch["B"]))
        assert torch.equal(batch["A"][:, 1:], batch["A"][:, :1] + 1000)
        flips |= {float(torch.sign(row[1] - row[0])) for row in batch["A"][:, 0, 0]}
    assert flips == {1.0, -1.0}


def test_a_pass_shows_every_scene_but_the_rest_of_a_batch(tmp_path):
    training = pairs(tmp_path, load_size=16, crop_size=16, flip=False)
    assert (training.steps_per_epoch, training.total_steps) == (3, 9)
    scenes = [int(label) for step in range(3) for label in training.batch(step)["A"][:, 0, 0, 0]]
    assert len(set(scenes)) == 6


def test_batches_depend_on_seed_and_step_alone(tmp_path):
    forth = [pairs(tmp_path).batch(step)["A"] for step in (0, 1, 2)]
    training = pairs(tmp_path)
    back = [training.batch(step)["A"] for step in (2, 1, 0)][::-1]
    assert all(torch.equal(one, two) for one, two in zip(forth, back, strict=True))
    assert not torch.equal(pairs(tmp_path, seed=1).batch(0)["A"], forth[0])


def test_sizes_are_widths(tmp_path):
    batch = pairs(tmp_path, aspect_ratio=2.0, load_size=16, crop_size=12).batch(0)
    assert (batch["A"].shape, batch["B"].shape) == ((2, 2, 6, 12), (2, 3, 6, 12))


def test_instances_may_be_left_out(tmp_path):
    assert pairs(tmp_path, no_instance=True).batch(0)["A"].shape[1] == 1


def test_test_conditions_are_whole_maps_at_the_outputs_size(tmp_path):
    dataset = Marked(tmp_path)
    found = list(evaluation_conditions(dataset, "test", [3, 1], Config(crop_size=8, aspect_ratio=2.0)))
    for scene, tensor in zip((3, 1), found, strict=True):
        expected = dataset.labels("test").resized(scene, (8, 4))
        np.testing.assert_array_equal(tensor.numpy(), expected.transpose(2, 0, 1))


def test_unlabelled_pixels_are_the_class_after_the_last():
    labels = np.array([[[0], [255]]], np.uint16)
    config = Config(label_nc=3, contain_dontcare_label=True, no_instance=True)
    assert condition(labels, config, "x").flatten().tolist() == [0, 3]
    with pytest.raises(BenchError, match="unlabelled pixels; set contain_dontcare_label"):
        condition(labels, Config(label_nc=3, no_instance=True), "x")


def test_classes_that_do_not_exist_are_named():
    with pytest.raises(BenchError, match="has class 9, but label_nc is 3"):
        condition(np.full((2, 2, 1), 9, np.uint16), Config(label_nc=3, no_instance=True), "x")
    with pytest.raises(BenchError, match="has no instance numbers; set no_instance"):
        condition(np.zeros((2, 2, 1), np.uint16), Config(), "x")


def test_unpaired_data_and_methods_are_refused(tmp_path, earth_cache):
    from bench.data.opening import open_dataset
    from bench.schema.data import EarthData

    unpaired = open_dataset(EarthData(A="land"), earth_cache, earth_cache)
    with pytest.raises(BenchError, match="has no label map for each image of its split train"):
        TrainingPairs(unpaired, ("A", "B"), Config(), Draws(0), tmp_path, "cpu")
    plain = MethodConfig(n_epochs=1, n_epochs_decay=0, load_size=16, crop_size=16)
    with pytest.raises(BenchError, match="needs a PairedConfig"):
        TrainingPairs(Marked(tmp_path), ("A", "B"), plain, Draws(0), tmp_path, "cpu")


def test_paired_earth_shows_one_place_in_both_streams(earth_cache):
    from bench.data.earth import EarthDataSet
    from bench.data.land_cover import render
    from bench.data.opening import open_dataset
    from bench.schema.data import EarthData

    paired = open_dataset(EarthData(A="land", paired=True), earth_cache, earth_cache)
    alone = open_dataset(EarthData(A=None), earth_cache, earth_cache)
    assert isinstance(paired, EarthDataSet)
    for split in paired.splits:
        assert paired.patches(split, "A") == paired.patches(split, "B")
        assert paired.aligned(split)
    assert paired.images("train", "B").names == alone.images("train", "B").names  # both kinds of training block
    maps = paired.labels("train")
    assert len(maps) == len(paired.images("train", "B"))
    for i in (0, 700):
        np.testing.assert_array_equal(render(maps.labels(i)[..., 0]), paired.images("train", "A").pixels(i))
    with pytest.raises(BenchError, match="no split 'val'"):
        paired.labels("val")
    with pytest.raises(ValueError, match="paired needs A: land"):
        EarthData(A="relief", paired=True)
