from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from bench.base.errors import BenchError
from bench.base.randomness import Draws
from bench.data.dataset import DataSet
from bench.data.opening import open_dataset
from bench.data.training_domains import ENTRIES, TrainingDomains
from bench.plugin.config import MethodConfig, MultiDomainConfig
from bench.schema.data import DomainFolderData

Loader = Callable[..., TrainingDomains]
COUNTS = {"cat": 2, "dog": 6, "fox": 4}


@pytest.fixture
def animals(tmp_path: Path) -> DataSet:
    """Training images of one grey each, their number, so that a batch tells which images it holds."""
    for domain, count in COUNTS.items():
        for split in ("train", "test"):
            (tmp_path / "animals" / split / domain).mkdir(parents=True)
            for i in range(count):
                Image.new("RGB", (8, 8), (i, i, i)).save(tmp_path / "animals" / split / domain / f"{i}.png")
    return open_dataset(DomainFolderData(name="animals", domains=list(COUNTS)), tmp_path, tmp_path / "cache")


@pytest.fixture
def load(animals: DataSet, tmp_path: Path) -> Loader:
    def make(seed: int = 0, entries: tuple[str, ...] = ENTRIES, **changes: object) -> TrainingDomains:
        values = {"n_epochs": 2, "n_epochs_decay": 0, "load_size": 8, "crop_size": 8, "batch_size": 4, "num_domains": 3}
        config = MultiDomainConfig.model_validate(values | changes)
        return TrainingDomains(animals, entries, config, Draws(seed), tmp_path / "cache", "cpu")

    return make


def numbers(images: torch.Tensor) -> list[int]:
    """Which image each one is: it has one colour, its number."""
    return ((images[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()


def test_entries_have_their_shapes_and_types(load: Loader) -> None:
    batch = load().batch(0)
    assert tuple(batch) == ENTRIES
    for entry, tensor in batch.items():
        assert tensor.shape == ((4, 3, 8, 8) if entry.startswith("x") else (4,))
        assert tensor.dtype == (torch.float32 if entry.startswith("x") else torch.int64)


def test_domains_are_balanced_whatever_their_sizes_and_images_are_of_their_domain(load: Loader) -> None:
    loader = load()
    seen: Counter[int] = Counter()
    for step in range(150):
        batch = loader.batch(step)
        seen.update(batch["y_src"].tolist())
        for images, domains in (("x_src", "y_src"), ("x_ref", "y_ref"), ("x_ref2", "y_ref")):
            sizes = [list(COUNTS.values())[label] for label in batch[domains].tolist()]
            assert all(number < size for number, size in zip(numbers(batch[images]), sizes, strict=True))
    assert all(abs(count - 200) < 50 for count in seen.values())


def test_the_second_reference_is_one_partner_for_the_whole_run(load: Loader) -> None:
    loader = load()
    partners: dict[tuple[int, int], set[int]] = {}
    for step in range(60):
        batch = loader.batch(step)
        for key in zip(batch["y_ref"].tolist(), numbers(batch["x_ref"]), numbers(batch["x_ref2"]), strict=True):
            partners.setdefault(key[:2], set()).add(key[2])
    assert all(len(found) == 1 for found in partners.values())
    for label, size in enumerate(COUNTS.values()):
        assert len({min(partners[label, i]) for i in range(size)}) == size


def test_a_batch_is_a_function_of_seed_and_step(load: Loader) -> None:
    one, other = load().batch(3), load(entries=("x_src", "y_ref")).batch(3)
    assert tuple(other) == ("x_src", "y_ref")
    assert all(torch.equal(one[entry], other[entry]) for entry in other)
    batches = [load(), load(seed=1)]
    assert any(not torch.equal(batches[0].batch(step)["x_src"], batches[1].batch(step)["x_src"]) for step in range(3))
    assert not torch.equal(batches[0].batch(0)["x_src"], batches[0].batch(1)["x_src"])


def test_an_epoch_is_every_image_of_every_domain(load: Loader) -> None:
    assert load().steps_per_epoch == 12 // 4
    assert load(images_per_epoch=8).total_steps == 4


def test_images_are_cut_as_in_the_originals_program_where_that_is_asked_for(load: Loader) -> None:
    loader = load(randcrop_prob=0.5, crop_size=4)
    batch = loader.batch(0)
    assert batch["x_src"].shape == (4, 3, 4, 4)
    assert numbers(batch["x_src"]) == numbers(load(crop_size=4).batch(0)["x_src"])  # the same images
    assert torch.equal(batch["x_src"], load(randcrop_prob=0.5, crop_size=4, entries=("x_src",)).batch(0)["x_src"])


def test_what_does_not_fit_is_named(load: Loader, animals: DataSet, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no batch entry 'B' of several domains; there are x_src, "):
        load(entries=("x_src", "B"))
    with pytest.raises(BenchError, match=r"has 3 domains \(cat, dog, fox\); set num_domains to 3"):
        load(num_domains=2)
    config = MethodConfig(n_epochs=1, n_epochs_decay=0)
    with pytest.raises(BenchError, match="set num_domains"):
        TrainingDomains(animals, ENTRIES, config, Draws(0), tmp_path, "cpu")
