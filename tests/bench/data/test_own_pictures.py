from pathlib import Path

import pytest
from PIL import Image

from bench.base.errors import BenchError, NotAvailable, UsageError
from bench.data.prepare import prepare
from bench.data.prepared import print_prepared
from bench.data.verbs import data_state
from bench.schema.protocol import load_protocol


def picture(path: Path, size: tuple[int, int] = (80, 64), colour: str = "red") -> Path:
    Image.new("RGB", size, colour).save(path)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "datasets"


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    return [picture(tmp_path / "mine.png"), picture(tmp_path / "monet.jpg", (64, 64), "blue")]


def test_two_pictures_are_put_into_their_places(
    root: Path, two: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = prepare("single-image", root, archives=two)
    assert (found.state, found.counts) == ("prepared", {"train A": 1, "train B": 1})
    assert (root / "single-image" / "trainA" / "mine.png").read_bytes() == two[0].read_bytes()
    assert (root / "single-image" / "trainB" / "monet.jpg").read_bytes() == two[1].read_bytes()
    assert data_state(load_protocol("single-image").data, root, tmp_path / "cache").state == "present"
    print_prepared(found)
    printed = capsys.readouterr().out
    assert "images    train A 1, train B 1" in printed
    assert "owner     you" in printed
    again = found.model_copy(update={"state": "here already"})
    assert prepare("single-image", root) == again
    assert prepare("single-image@1", root, archives=two) == again


def test_others_than_those_that_are_there_are_not_taken(root: Path, two: list[Path]) -> None:
    prepare("single-image", root, archives=two)
    with pytest.raises(UsageError, match="holds other pictures; move it away"):
        prepare("single-image", root, archives=two[::-1])


def test_what_has_to_be_given_is_said(root: Path, two: list[Path]) -> None:
    how = r"contrastbench data prepare single-image --from PICTURE --from PICTURE, first the one to translate"
    with pytest.raises(NotAvailable, match=f"is made of two pictures of yours: {how}"):
        prepare("single-image", root)
    with pytest.raises(UsageError, match=f"is two pictures, not 1: {how}"):
        prepare("single-image", root, archives=two[:1])
    for wrong in ({"url": "http://x"}, {"label_filter": "nearest"}):
        with pytest.raises(UsageError, match="leave --url and the filters out"):
            prepare("single-image", root, archives=two, **wrong)  # type: ignore[arg-type]
    assert not root.exists()
    absent = data_state(load_protocol("single-image").data, root, root / "cache")
    assert (absent.state, absent.message.count("contrastbench data prepare single-image --from")) == ("not here", 1)


def test_pictures_are_checked_before_anything_is_written(root: Path, two: list[Path], tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    picture(tmp_path / "small.png", (63, 200))
    picture(tmp_path / "odd.webp")
    for name, message in (
        ("text.png", r"text\.png: cannot be read as an image"),
        ("small.png", r"small\.png: has 63 x 200 pixels; give a picture of 64 or more a side"),
        ("odd.webp", r"odd\.webp: only files named .*\.png.* count as images"),
        ("gone.png", r"gone\.png: is gone"),
    ):
        with pytest.raises(BenchError, match=message):
            prepare("single-image", root, archives=[two[0], tmp_path / name])
    assert not root.exists()


def test_what_is_there_is_checked(root: Path, two: list[Path], tmp_path: Path) -> None:
    for side in "AB":
        (root / "single-image" / f"train{side}").mkdir(parents=True)
        picture(root / "single-image" / f"train{side}" / "x.png")
    assert prepare("single-image", root).record is None
    picture(root / "single-image" / "trainA" / "x.png", (32, 32))
    with pytest.raises(BenchError, match=r"cannot be used .*has 32 x 32 pixels.*move it away"):
        prepare("single-image", root)
    picture(root / "single-image" / "trainA" / "y.png")
    with pytest.raises(BenchError, match=r"cannot be used .*several pictures"):
        prepare("single-image", root)
