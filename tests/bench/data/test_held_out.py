from pathlib import Path

import numpy as np
import pytest

from bench.base.errors import BenchError
from bench.data.held_out import LEAST, contents, numbers, share_out


def files(folder: Path, texts: list[str]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number}.png" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return paths


def test_many_images_are_shared_out_as_asked_and_each_once() -> None:
    values = numbers(np.random.default_rng(0).integers(0, 256, (5000, 32), dtype=np.uint8), 0)
    parts = share_out(values, 0.2, 0.1)
    assert abs(len(parts["test"]) / 5000 - 0.2) < 0.02
    assert abs(len(parts["validation"]) / 5000 - 0.1) < 0.02
    assert sorted(i for part in parts.values() for i in part) == list(range(5000))
    assert all(part == sorted(part) for part in parts.values())


def test_an_image_stays_in_its_split_whatever_is_added_or_renamed(tmp_path: Path) -> None:
    texts = [f"image {number}" for number in range(200)]
    few = contents(files(tmp_path / "few", texts[:100]))
    more = contents(files(tmp_path / "more", [*texts[100:], *texts[:100]]))
    before, after = (share_out(numbers(digests, 0), 0.2, 0.1) for digests in (few, more))
    for part in ("train", "validation", "test"):
        assert {texts[i] for i in before[part]} <= {[*texts[100:], *texts[:100]][i] for i in after[part]}


def test_equal_files_are_in_one_split_and_another_seed_chooses_others(tmp_path: Path) -> None:
    digests = contents(files(tmp_path, [f"image {number % 50}" for number in range(100)]))
    parts = share_out(numbers(digests, 0), 0.2, 0.1)
    where = {i: part for part, chosen in parts.items() for i in chosen}
    assert all(where[i] == where[i + 50] for i in range(50))
    assert share_out(numbers(digests, 1), 0.2, 0.1) != parts


@pytest.mark.parametrize("count", [12, 13, 20, 40])
def test_small_sets_keep_at_least_half_for_training_and_three_of_each(count: int) -> None:
    for seed in range(50):
        digests = np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8)
        parts = share_out(numbers(digests, seed), 0.2, 0.1)
        assert min(len(parts["test"]), len(parts["validation"])) >= LEAST
        assert len(parts["train"]) >= count / 2
        assert sum(map(len, parts.values())) == count


def test_a_share_of_nothing_holds_nothing_out() -> None:
    parts = share_out([0.05, 0.3, 0.9, 0.15, 0.5, 0.6, 0.7, 0.8], 0.0, 0.2)
    assert parts == {"train": [2, 4, 5, 6, 7], "test": [], "validation": [0, 1, 3]}


def test_too_few_images_are_said(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="11 images are too few to hold some out; 12 are enough"):
        share_out([i / 11 for i in range(11)], 0.2, 0.1)
    with pytest.raises(BenchError, match=r"gone\.png: cannot be read \(No such file"):
        contents([tmp_path / "gone.png"])
