import io
import os
import socket
import struct
import time
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from bench.base.errors import BenchError
from bench.data import image_file
from bench.data.image_file import decode, read_image, read_traits, read_values

GREY = np.random.default_rng(0).integers(0, 256, (6, 5), dtype=np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (6, 5, 3), dtype=np.uint8)


def encoded(pixels: np.ndarray | Image.Image, kind: str, **options: object) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixels."""
    content = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + content + struct.pack(">I", zlib.crc32(content))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_of_grey_are_scaled(kind: str, tmp_path: Path) -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    path = tmp_path / "x.png"
    path.write_bytes(encoded(values, kind))
    pixels = np.asarray(read_image(path))
    np.testing.assert_array_equal(pixels, np.repeat(np.round(values / 257)[..., None], 3, axis=2))
    assert read_traits(path).bits == 16


def test_eight_bits_stored_as_sixteen_are_the_same_picture() -> None:
    deep = decode(io.BytesIO(encoded(GREY.astype(np.uint16) * 257, "PNG")), "x")
    assert deep.tobytes() == decode(io.BytesIO(encoded(GREY, "PNG")), "x").tobytes()


@pytest.mark.parametrize("pixels", [GREY.astype(np.int32) * 70000, GREY.astype(np.float32) / 255], ids=["int", "float"])
def test_pixels_of_unknown_range_are_refused_with_the_way_out(pixels: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(encoded(pixels, "TIFF"))
    with pytest.raises(
        BenchError, match=r"x\.tif: .* pixels, of which nothing says what is white; save it with 8 or 16"
    ):
        read_image(path)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "YCbCr"])
def test_eight_bits_are_what_pillow_makes_of_them(mode: str, tmp_path: Path) -> None:
    image = Image.fromarray(COLOUR).convert(mode)
    path = tmp_path / "x.tif"
    image.save(path, "PNG" if mode in ("P", "LA") else "TIFF")
    with Image.open(path) as again:
        assert read_image(path).tobytes() == again.convert("RGB").tobytes()


def test_formats_are_told_by_content_and_only_listed_ones_opened(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(encoded(COLOUR, "WEBP", lossless=True))
    assert np.array_equal(np.asarray(read_image(path)), COLOUR)
    for kind in ("GIF", "TGA", "EPS", "ICO", "PDF"):
        path.write_bytes(encoded(COLOUR, kind))
        with pytest.raises(BenchError, match=r"x\.jpg: cannot be read as an image \(none of PNG, JPEG"):
            read_image(path)


def test_what_is_no_file_is_named_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.png"))
    (tmp_path / "device.png").symlink_to("/dev/zero")
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    for name, what in (
        ("pipe", "it is a pipe"),
        ("folder", "it is a folder"),
        ("s", "it is a socket"),
        ("device", "it is a device"),
        ("gone", r"is a link to nowhere\.png, which is not there"),
        ("loop", "Too many levels"),
        ("absent", "is gone"),
    ):
        for read in (read_image, read_traits, read_values):
            with pytest.raises(BenchError, match=rf"{name}\.png: .*{what}"):
                read(tmp_path / f"{name}.png")


def test_pixels_are_bounded_and_pillow_says_nothing_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(png_header(60_000, 60_000))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(BenchError, match=r"x\.png: .*more than 178 million pixels"):
            read_image(path)
        path.write_bytes(png_header(11_000, 11_000))  # where Pillow warns
        assert read_traits(path).size == (11_000, 11_000)
    monkeypatch.setattr(image_file, "MAX_PIXELS", 29)
    path.write_bytes(encoded(GREY, "PNG"))
    with pytest.raises(BenchError, match="million pixels"):
        read_image(path)


def test_a_rotation_is_noted_and_not_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "x.jpg"
    path.write_bytes(encoded(COLOUR, "JPEG", exif=exif, quality=100))
    assert read_traits(path).rotated
    assert read_image(path).size == (5, 6)


def test_of_several_pictures_in_a_file_the_first_is_read_and_it_is_noted(tmp_path: Path) -> None:
    pages = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    for kind, name in (("TIFF", "x.tif"), ("WEBP", "x.png"), ("PNG", "y.png")):
        pages[0].save(
            tmp_path / name,
            kind,
            save_all=True,
            append_images=pages[1:],
            **({"lossless": True} if kind == "WEBP" else {}),
        )
        assert read_traits(tmp_path / name).several
        assert read_image(tmp_path / name).getpixel((0, 0)) == (255, 0, 0)
    pages[0].save(tmp_path / "z.tif")
    assert not read_traits(tmp_path / "z.tif").several


def test_a_palette_image_without_its_palette_is_refused(tmp_path: Path) -> None:
    whole = encoded(Image.fromarray(COLOUR).convert("P"), "PNG")
    start = whole.index(b"PLTE") - 4
    length = struct.unpack(">I", whole[start : start + 4])[0]
    (tmp_path / "x.png").write_bytes(whole[:start] + whole[start + 12 + length :])
    with pytest.raises(BenchError, match=r"x\.png: .*numbers of a palette that it has not"):
        read_image(tmp_path / "x.png")


SEEDS = [
    encoded(COLOUR, "PNG"), encoded(GREY.astype(np.uint16), "PNG"), encoded(Image.fromarray(COLOUR).convert("P"), "PNG"),
    encoded(COLOUR, "JPEG"), encoded(COLOUR, "JPEG", progressive=True), encoded(COLOUR, "BMP"), encoded(COLOUR, "PPM"),
    encoded(GREY.astype(np.uint16), "PPM"), b"P3 2 1 4095 1 2 3 4 5 6\n", encoded(COLOUR, "TIFF"),
    encoded(COLOUR, "TIFF", compression="tiff_lzw"), encoded(GREY.astype(np.uint16), "TIFF"), encoded(COLOUR, "WEBP"),
]  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """One of the seeds, with some bytes changed, cut out or put in."""
    content = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(content)))
        length = draw(st.sampled_from([0, 1, 1, 2, 4, 30]))
        content[place : place + length] = draw(st.binary(max_size=8))
    return bytes(content)


def problem(read: Callable[[Path], object], path: Path) -> str:
    """What is wrong with a file, empty if nothing is."""
    try:
        read(path)
    except BenchError as error:
        return str(error)
    return ""


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(damaged(), st.binary(max_size=200)))
def test_whatever_a_file_holds_one_line_says_it(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(content)
    started = time.process_time()
    for read in (read_image, read_traits, read_values):
        said = problem(read, path)
        assert not said or "x.png" in said
        assert "\n" not in said
    assert time.process_time() - started < 10  # what a damaged header claims may be large, and is bounded
