"""The converter against the steps of the original script, written out here with Pillow alone."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.base.errors import BenchError
from bench.data.cityscapes import convert
from bench.data.meter import Meter
from bench.data.unpack import Damaged

PALETTE = np.array([(128, 64, 128), (70, 70, 70), (107, 142, 35), (70, 130, 180), (220, 20, 60)], np.uint8)
SCENES = {"train": ["ulm/ulm_000001_000019", "aachen/aachen_000000_000019"], "val": ["bonn/bonn_000000_000019"]}


def label(seed: int) -> Image.Image:
    """A map of classes in pieces of odd sizes, with an alpha channel as the owner's PNGs have."""
    rng = np.random.default_rng(seed)
    pieces = np.kron(rng.integers(0, 5, (14, 20)), np.ones((37, 53), np.int64))
    return Image.fromarray(np.dstack([PALETTE[pieces], np.full(pieces.shape, 255, np.uint8)]))


def photo(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (259, 530, 3), dtype=np.uint8))


def files() -> dict[str, Image.Image]:
    found: dict[str, Image.Image] = {}
    for split, scenes in SCENES.items():
        for i, scene in enumerate(scenes):
            found[f"gtFine/{split}/{scene}_gtFine_color.png"] = label(i)
            found[f"gtFine/{split}/{scene}_gtFine_labelIds.png"] = label(i + 50)
            found[f"leftImg8bit/{split}/{scene}_leftImg8bit.png"] = photo(i + 100)
    return found | {"gtFine/test/berlin/berlin_000000_000019_gtFine_color.png": label(9)}


def write_zip(path: Path, images: dict[str, Image.Image]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, image in images.items():
            stored = io.BytesIO()
            image.save(stored, "PNG")
            archive.writestr(name, stored.getvalue())
    return path


@pytest.fixture
def archives(tmp_path: Path) -> list[Path]:
    both = files()
    return [
        write_zip(tmp_path / f"{part}_trainvaltest.zip", {k: v for k, v in both.items() if k.startswith(part)})
        for part in ("gtFine", "leftImg8bit")
    ]


def run(given: list[Path], target: Path, label_filter: str = "nearest", photo_filter: str = "nearest") -> list[int]:
    seen: list[int] = []

    def meter(total: int, done: int) -> Meter:
        seen.extend((total, done))
        return Meter("resizing", "images", total, done)

    convert(given, target, label_filter, photo_filter, meter)
    return seen


def as_the_script_does(image: Image.Image, resample: Image.Resampling) -> bytes:
    small = image.convert("RGB").resize((256, 256), resample)
    stored = io.BytesIO()
    small.save(stored, format="JPEG", subsampling=0, quality=100)
    return stored.getvalue()


@pytest.mark.parametrize("name", ["nearest", "bicubic"])
def test_bytes_are_those_of_the_script(name: str, archives: list[Path], tmp_path: Path) -> None:
    resample = {"nearest": Image.Resampling.NEAREST, "bicubic": Image.Resampling.BICUBIC}[name]
    assert run(archives, tmp_path / "out", name, name) == [6, 0]
    sources = files()
    expected = {
        f"{ours}{side}/{i}_{side}.jpg": as_the_script_does(sources[f"{folder}/{split}/{scene}_{ending}"], resample)
        for split, ours in (("train", "train"), ("val", "test"))
        for i, scene in enumerate(sorted(SCENES[split]))
        for side, folder, ending in (("A", "leftImg8bit", "leftImg8bit.png"), ("B", "gtFine", "gtFine_color.png"))
    }
    found = {p.relative_to(tmp_path / "out").as_posix(): p.read_bytes() for p in (tmp_path / "out").rglob("*.jpg")}
    assert found == expected


def test_bicubic_blends_label_colours_and_nearest_does_not(archives: list[Path], tmp_path: Path) -> None:
    share = {}
    for name in ("nearest", "bicubic"):
        run(archives, tmp_path / name, name)
        with Image.open(tmp_path / name / "trainB" / "0_B.jpg") as image:
            assert image.size == (256, 256)
            assert image.layer == [(1, 1, 1, 0), (2, 1, 1, 1), (3, 1, 1, 1)]  # no chroma subsampling
            pixels = np.asarray(image).astype(int)
        nearest = np.abs(pixels[:, :, None] - PALETTE).max(axis=-1).min(axis=-1)
        share[name] = float((nearest > 16).mean())  # JPEG alone moves a colour by a few steps
    assert share["nearest"] == 0
    assert share["bicubic"] > 0.05


def test_a_rotation_is_not_applied_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    given = []
    for part in ("gtFine", "leftImg8bit"):
        given.append(tmp_path / f"{part}.zip")
        with zipfile.ZipFile(given[-1], "w") as archive:
            for name, image in files().items():
                if name.startswith(part):
                    stored = io.BytesIO()
                    image.save(stored, "PNG", exif=exif if part == "leftImg8bit" else Image.Exif())
                    archive.writestr(name, stored.getvalue())
    run(given, tmp_path / "out")
    assert "3 of 6 images note a rotation (EXIF), which is not applied" in caplog.text
    with Image.open(tmp_path / "out" / "trainA" / "0_A.jpg") as written:
        assert written.getexif().get(0x0112, 1) == 1  # nobody turns it later either


def test_filters_are_independent(archives: list[Path], tmp_path: Path) -> None:
    run(archives, tmp_path / "out", "nearest", "bicubic")
    sources = files()
    scene = "train/aachen/aachen_000000_000019"
    found = (tmp_path / "out" / "trainA" / "0_A.jpg").read_bytes()
    assert found == as_the_script_does(sources[f"leftImg8bit/{scene}_leftImg8bit.png"], Image.Resampling.BICUBIC)
    found = (tmp_path / "out" / "trainB" / "0_B.jpg").read_bytes()
    assert found == as_the_script_does(sources[f"gtFine/{scene}_gtFine_color.png"], Image.Resampling.NEAREST)


def test_unpacked_folders_give_the_same(archives: list[Path], tmp_path: Path) -> None:
    run(archives, tmp_path / "zip")
    for archive in archives:
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(tmp_path / "raw")
    run([tmp_path / "raw"], tmp_path / "one")
    run([tmp_path / "raw" / "gtFine", tmp_path / "raw" / "leftImg8bit"], tmp_path / "two")
    for path in (tmp_path / "zip").rglob("*.jpg"):
        relative = path.relative_to(tmp_path / "zip")
        assert (tmp_path / "one" / relative).read_bytes() == path.read_bytes()
        assert (tmp_path / "two" / relative).read_bytes() == path.read_bytes()


def test_goes_on_where_it_stopped(archives: list[Path], tmp_path: Path) -> None:
    run(archives, tmp_path / "out")
    kept, removed = tmp_path / "out" / "trainA" / "1_A.jpg", tmp_path / "out" / "testB" / "0_B.jpg"
    before = kept.stat().st_mtime_ns, removed.read_bytes()
    removed.unlink()
    assert run(archives, tmp_path / "out") == [6, 5]
    assert (kept.stat().st_mtime_ns, removed.read_bytes()) == before


def without(ending: str) -> dict[str, Image.Image]:
    return {name: image for name, image in files().items() if not name.endswith(ending)}


@pytest.mark.parametrize(
    ("choose", "message"),
    [
        (lambda: without("leftImg8bit.png"), r"no photograph of the split train .*leftImg8bit_trainvaltest\.zip"),
        (lambda: without("gtFine_color.png"), r"no label map of the split train .*gtFine_trainvaltest\.zip"),
        (lambda: without("ulm_000001_000019_gtFine_color.png"), r"train/ulm/ulm_000001_000019 has no label map"),
        (lambda: without("ulm_000001_000019_leftImg8bit.png"), r"train/ulm/ulm_000001_000019 has no photograph"),
        (lambda: without("bonn_000000_000019_leftImg8bit.png"), r"no photograph of the split val"),
    ],
)
def test_what_is_missing_is_named(choose: Callable[[], dict[str, Image.Image]], message: str, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=message):
        run([write_zip(tmp_path / "x.zip", choose())], tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.jpg"))


def test_damage(archives: list[Path], tmp_path: Path) -> None:
    content = bytearray(archives[1].read_bytes())
    content[5000] ^= 255
    archives[1].write_bytes(content)
    with pytest.raises(Damaged, match="cannot be read"):
        run(archives, tmp_path / "out")
    archives[1].write_bytes(content[:-100])
    with pytest.raises(Damaged, match="is no zip archive, or an incomplete one"):
        run(archives, tmp_path / "out")
    with pytest.raises(BenchError, match="cannot be read"):
        run([tmp_path / "none.zip"], tmp_path / "out")
