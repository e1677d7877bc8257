import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.base.errors import BenchError
from bench.base.randomness import Draws
from bench.data.dataset import DataSet
from bench.data.images import ArrayImages, ImageSet
from bench.data.opening import open_dataset
from bench.data.training_images import TrainingImages, evaluation_images
from bench.plugin.config import MethodConfig
from bench.schema.data import EarthData, FolderData

GOLDEN = Path(__file__).parents[2] / "golden" / "unpaired"
Loader = Callable[..., TrainingImages]


class Marked(DataSet):
    """Training images of one colour each, so that a batch tells which images it holds."""

    splits = ("train",)

    def __init__(self, counts: dict[str, int], cache: Path, side: int = 8) -> None:
        super().__init__(FolderData(name="marked"), cache)
        self.side = side
        self.counts = counts
        self.streams = tuple(counts)

    def _images(self, split: str, stream: str) -> ImageSet:
        count = self.counts[stream]
        values = np.arange(count, dtype=np.uint8)[:, None, None, None]
        array = np.broadcast_to(values, (count, self.side, self.side, 3))
        return ArrayImages([str(i) for i in range(count)], array)

    def aligned(self, split: str) -> bool:
        return False

    def raw_files(self) -> list[tuple[Path, str]]:
        return []

    def raw_state(self) -> str:
        return f"{self.counts} {self.side}"


class One(Marked):
    """One given image in each stream."""

    def __init__(self, pixels: np.ndarray, cache: Path) -> None:
        super().__init__({"A": 1, "B": 1}, cache)
        self.array = pixels[None]

    def _images(self, split: str, stream: str) -> ImageSet:
        return ArrayImages(["0"], self.array)


def config(**changes: object) -> MethodConfig:
    given = {"n_epochs": 2, "n_epochs_decay": 1, "load_size": 8, "crop_size": 8, **changes}
    return MethodConfig(**given)


@pytest.fixture
def load(tmp_path: Path) -> Loader:
    def make(A: int = 5, B: int = 7, seed: int = 0, streams: tuple[str, ...] = ("A", "B"), **changes: object):
        dataset = Marked({"A": A, "B": B}, tmp_path / "cache")
        return TrainingImages(dataset, streams, config(**changes), Draws(seed), tmp_path / "cache", "cpu")

    return make


def ids(loader: TrainingImages, step: int, stream: str) -> list[int]:
    return [round((v + 1) / 2 * 255) for v in loader.batch(step)[stream][:, 0, 0, 0].tolist()]


def test_an_epoch_is_a_permutation_of_the_longer_stream(load: Loader) -> None:
    loader = load(A=5, B=7)
    assert (loader.steps_per_epoch, loader.total_steps) == (7, 21)
    epochs = [[ids(loader, 7 * e + s, "A")[0] for s in range(7)] for e in range(3)]
    for epoch in epochs:
        assert Counter(epoch) == Counter([0, 1, 2, 3, 4, 0, 1])  # k mod 5 for k in 0..6
    assert epochs[0] != epochs[1] != epochs[2]
    assert [loader.epoch(s) for s in (0, 6, 7, 20)] == [1, 1, 2, 3]


def test_the_other_stream_is_uniform_with_replacement(load: Loader) -> None:
    loader = load(A=5, B=4, n_epochs=400)
    seen = [ids(loader, s, "B")[0] for s in range(1600)]
    counts = Counter(seen)
    assert set(counts) == {0, 1, 2, 3}
    assert sum((n - 400) ** 2 / 400 for n in counts.values()) < 16.3  # chi squared, 3 degrees of freedom, p = 0.001
    assert any(len(set(seen[5 * e : 5 * e + 5])) < 4 for e in range(10))


def test_incomplete_batches_are_dropped(load: Loader) -> None:
    loader = load(A=5, B=7, batch_size=3)
    assert (loader.steps_per_epoch, loader.total_steps) == (2, 6)
    for first in (0, 2, 4):
        seen = ids(loader, first, "A") + ids(loader, first + 1, "A")
        assert len(seen) == 6
        assert max(Counter(seen).values()) <= 2


def test_short_epochs_run_on_through_the_permutation(load: Loader) -> None:
    loader = load(A=11, B=3, images_per_epoch=4, batch_size=2, n_epochs=50)
    assert loader.steps_per_epoch == 2
    seen = [i for s in range(loader.total_steps) for i in ids(loader, s, "A")]
    for start in range(0, len(seen) - 10, 11):
        assert sorted(seen[start : start + 11]) == list(range(11))


def test_any_order_of_steps_and_a_new_loader_give_the_same_batches(load: Loader) -> None:
    changes = {"load_size": 12, "batch_size": 2, "images_per_epoch": 5}
    straight = load(**changes)
    batches = [straight.batch(s) for s in range(straight.total_steps)]
    resumed = load(**changes)
    for s in reversed(range(straight.total_steps)):
        for stream, tensor in resumed.batch(s).items():
            assert torch.equal(tensor, batches[s][stream])
            assert tensor.shape == (2, 3, 8, 8)


def test_the_given_draws_are_left_alone_and_seeds_differ(tmp_path: Path, load: Loader) -> None:
    draws = Draws(0).at(9)
    loader = TrainingImages(
        Marked({"A": 5, "B": 7}, tmp_path / "cache"), ("A", "B"), config(), draws, tmp_path / "cache", "cpu"
    )
    loader.batch(3)
    assert draws.step == 9
    assert draws.uniform("x") == Draws(0).at(9).uniform("x")
    assert [ids(load(seed=1), s, "A") for s in range(7)] != [ids(load(seed=0), s, "A") for s in range(7)]


def test_two_methods_with_one_seed_see_the_same_images_whatever_streams_they_read(load: Loader) -> None:
    both, only = load(A=7, B=7), load(A=7, B=7, streams=("A",))
    assert [ids(both, s, "A") for s in range(7)] == [ids(only, s, "A") for s in range(7)]
    assert set(only.batch(0)) == {"A"}
    single = load(A=7, B=7, streams=("B",))
    assert sorted(ids(single, s, "B")[0] for s in range(7)) == list(range(7))


@pytest.fixture
def numbered(tmp_path: Path) -> Callable[..., TrainingImages]:
    """A loader of one 16 x 16 image whose pixel (y, x) is (16 y + x) in red."""

    def make(**changes: object) -> TrainingImages:
        pixels = np.zeros((16, 16, 3), np.uint8)
        pixels[..., 0] = np.arange(256).reshape(16, 16)
        settings = {"load_size": 16, "crop_size": 12, "n_epochs": 300, "n_epochs_decay": 100, **changes}
        return TrainingImages(
            One(pixels, tmp_path / "c"), ("A", "B"), config(**settings), Draws(3), tmp_path / "c", "cpu"
        )

    return make


def corner_and_flip(image: torch.Tensor) -> tuple[int, int, bool]:
    red = ((image[0] + 1) / 2 * 255).round().int()
    flipped = bool(red[0, 0] > red[0, -1])
    first = int(red[0, -1] if flipped else red[0, 0])
    return first // 16, first % 16, flipped


def test_crops_and_flips_are_uniform_and_independent_between_streams(numbered: Loader) -> None:
    loader = numbered()
    drawn = [{s: corner_and_flip(t[0]) for s, t in loader.batch(step).items()} for step in range(300)]
    for stream in "AB":
        ys, xs, flips = zip(*(d[stream] for d in drawn), strict=True)
        assert set(ys) == set(xs) == {0, 1, 2, 3, 4}  # both ends of 16 - 12 are reached
        assert 110 < sum(flips) < 190
    assert sum(d["A"][2] == d["B"][2] for d in drawn) < 190
    assert sum(d["A"][:2] == d["B"][:2] for d in drawn) < 40


def test_no_flip(numbered: Loader) -> None:
    loader = numbered(flip=False)
    assert not any(corner_and_flip(t[0])[2] for s in range(40) for t in loader.batch(s).values())
    with_flip = numbered()
    assert [corner_and_flip(loader.batch(s)["A"][0])[:2] for s in range(40)] == [
        corner_and_flip(with_flip.batch(s)["A"][0])[:2] for s in range(40)
    ]


@pytest.mark.parametrize("switch", [True, False])
def test_jitter_ends_with_the_first_decay_epoch_if_asked(numbered: Loader, switch: bool) -> None:
    loader = numbered(jitter_off_in_decay=switch)
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[..., 0] = np.arange(256).reshape(16, 16)
    whole = np.asarray(Image.fromarray(pixels).resize((12, 12), Image.Resampling.BICUBIC))[..., 0]
    for step, decaying in ((298, False), (299, False), (300, True), (399, True)):
        assert loader.epoch(step) == step + 1
        red = ((loader.batch(step)["A"][0, 0] + 1) / 2 * 255).round().numpy()
        is_whole = np.array_equal(red, whole) or np.array_equal(red[:, ::-1], whole)
        assert is_whole == (decaying and switch)


def test_training_tensor_equals_the_record_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the recorded crop (x 7, y 19) and flip instead of drawn ones."""

    class Recorded:
        def integers(self, high: int, size: object) -> np.ndarray:
            return np.array([[19, 7]]) if isinstance(size, tuple) else np.zeros(size, int)

        def random(self, size: int) -> np.ndarray:
            return np.zeros(size)

    with np.load(GOLDEN / "preprocess.npz") as record:
        dataset = One(record["image"], tmp_path)
        loader = TrainingImages(
            dataset, ("A", "B"), config(load_size=286, crop_size=256), Draws(0), tmp_path, torch.device("cpu")
        )
        loader._order(0)
        monkeypatch.setattr(loader._draws, "stream", lambda purpose: Recorded())
        found = hashlib.sha256(loader.batch(0)["A"][0].numpy().tobytes()).digest()
        assert found == record["train_tensor_crop_x7_y19_flip_sha256"].tobytes()


def test_crop_that_is_no_multiple_of_four_is_rounded(load: Loader) -> None:
    assert load(load_size=20, crop_size=18).batch(0)["A"].shape == (1, 3, 16, 16)


def test_impossible_configurations_are_refused(load: Loader) -> None:
    with pytest.raises(BenchError, match="load_size 8 is less than crop_size 16"):
        load(crop_size=16)
    with pytest.raises(BenchError, match="7 images is shorter than batch_size 8"):
        load(batch_size=8)
    with pytest.raises(BenchError, match="no stream 'C'"):
        load(streams=("A", "C"))


def test_evaluation_images_are_all_images_in_order(make_folders: Callable[..., Path], tmp_path: Path) -> None:
    images = open_dataset(FolderData(name="toys"), make_folders(), tmp_path / "c").images("test", "B")
    found = list(evaluation_images(images, 12))
    assert [name for name, _ in found] == list(images.names)
    assert all(tensor.shape == (3, 12, 12) for _, tensor in found)


def test_earth_batches(earth_cache: Path) -> None:
    dataset = open_dataset(EarthData(A="relief"), earth_cache, earth_cache)
    loader = TrainingImages(
        dataset, ("A", "B"), config(load_size=72, crop_size=64, batch_size=4), Draws(0), earth_cache, "cpu"
    )
    assert loader.steps_per_epoch == 523 // 4
    batch = loader.batch(17)
    assert batch["A"].shape == batch["B"].shape == (4, 3, 64, 64)
    assert batch["A"].mean() > batch["B"].mean()  # maps are printed on light paper


def test_read_from_b_to_a_it_is_still_folder_a_that_is_gone_through(
    make_folders: Callable[..., Path], tmp_path: Path
) -> None:
    """The released loader orders folder A and draws from B before the model swaps the two."""
    root = make_folders(trainA=5, trainB=7, testA=1, testB=1)
    config = MethodConfig(load_size=16, crop_size=16, batch_size=1, images_per_epoch=7, n_epochs=10, n_epochs_decay=0)
    taken = {}
    for direction in ("AtoB", "BtoA"):
        dataset = open_dataset(FolderData(name="toys", direction=direction), root, tmp_path / "cache")
        images = TrainingImages(dataset, ("A", "B"), config, Draws(0), tmp_path / "cache", "cpu")
        taken[direction] = [images._ids(Draws(0).at(step)) for step in range(70)]
    folder_a = {"AtoB": "A", "BtoA": "B"}
    for direction, ids in taken.items():
        ordered = [int(step[folder_a[direction]][0]) for step in ids]
        for first in range(0, 70, 7):  # a pass of 7 takes each of the 5 at least once
            assert set(ordered[first : first + 7]) == set(range(5)), direction
        other = "BA"[folder_a[direction] == "B"]
        drawn = [int(step[other][0]) for step in ids]
        assert any(len(set(drawn[first : first + 7])) < 7 for first in range(0, 70, 7))
