"""Data that strangers made: pictures, label maps, archives, records of downloads and of preparation, kept arrays."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from trials import REFUSED, Reader, Trials, as_json, outcome, spoiled

from bench.data.array_cache import ArrayCache
from bench.data.cityscapes import convert
from bench.data.download import _Resuming
from bench.data.image_file import decode, read_image, read_traits, read_values
from bench.data.image_traits import rule_of
from bench.data.labels import LabelRule
from bench.data.meter import Meter
from bench.data.paired_folder import FileLabels
from bench.data.prepared import read_record
from bench.data.unpack import unpack

FORMATS = ("PNG", "JPEG", "BMP", "PPM", "TIFF", "WEBP")


def picture(kind: str, mode: str = "RGB", size: tuple[int, int] = (24, 16), **options: Any) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (*size[::-1], 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(stream, kind, **options)
    return stream.getvalue()


def pixels(path: Path) -> Any:
    image = read_image(path)
    assert image.mode == "RGB"
    return image.size, image.tobytes()


def is_picture(found: Any, good: Any) -> bool:
    """Most formats have no checksum: what of it decodes is a picture, and another one has another fingerprint."""
    return isinstance(found, tuple) and len(found[1]) == 3 * found[0][0] * found[0][1]


@pytest.mark.parametrize("kind", FORMATS)
def test_pictures(trials: Trials, kind: str) -> None:
    trials.withstands(Reader(pixels, picture(kind), "x.png", is_picture, names_file=True, inputs=0.7))


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    made = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + made


def header(width: int, height: int, depth: int = 8, colour: int = 2) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)


def odd_pictures() -> dict[str, bytes]:
    """Giants in few bytes, all depths and modes, several pictures in one file, metadata without end, other formats."""
    lines = zlib.compress(b"\0" * 10_000_000)
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
    many, animation, moving = io.BytesIO(), io.BytesIO(), io.BytesIO()
    frames[0].save(many, "TIFF", save_all=True, append_images=frames[1:])
    frames[0].save(animation, "WEBP", save_all=True, append_images=frames[1:])
    frames[0].save(moving, "PNG", save_all=True, append_images=frames[1:])
    info = PngImagePlugin.PngInfo()
    info.add_text("a" * 70, "b" * 2_000_000, zip=True)
    texts, turned = io.BytesIO(), io.BytesIO()
    frames[0].save(texts, "PNG", pnginfo=info)
    exif = Image.Exif()
    exif[0x0112] = 6
    frames[0].save(turned, "JPEG", exif=exif)
    gif, eps, icon = io.BytesIO(), io.BytesIO(), io.BytesIO()
    frames[0].save(gif, "GIF")
    frames[0].save(eps, "EPS")
    frames[0].save(icon, "ICO")
    loop = bytearray(many.getvalue())
    first = struct.unpack("<I", loop[4:8])[0]
    entries = struct.unpack("<H", loop[first : first + 2])[0]
    loop[first + 2 + 12 * entries : first + 6 + 12 * entries] = struct.pack("<I", first)
    return {
        "giant": png(header(60_000, 60_000), (b"IDAT", lines), (b"IEND", b"")),
        "no pixels": png(header(0, 5), (b"IDAT", lines), (b"IEND", b"")),
        "wide": png(header(2**31 - 1, 1), (b"IDAT", lines), (b"IEND", b"")),
        "too much data": png(header(4, 4), (b"IDAT", lines), (b"IEND", b"")),
        "no palette": png(header(4, 4, 8, 3), (b"IDAT", zlib.compress(bytes(20))), (b"IEND", b"")),
        "palette": picture("PNG", "P"), "grey": picture("PNG", "L"), "bits": picture("PNG", "1"),
        "alpha": picture("PNG", "RGBA"),
        "cmyk": picture("JPEG", "CMYK"), "lab": picture("TIFF", "LAB"), "float": picture("TIFF", "F"),
        "int": picture("TIFF", "I"),
        "several": many.getvalue(), "loop": bytes(loop), "animation": animation.getvalue(), "moving": moving.getvalue(),
        "texts": texts.getvalue(), "turned": turned.getvalue(), "gif": gif.getvalue(), "eps": eps.getvalue(),
        "icon": icon.getvalue(),
        "ppm giant": b"P6 99999 99999 255\n", "ppm negative": b"P6 -4 -4 255\n", "ppm 16": b"P6 2 2 65535\n" + bytes(24),
        "ppm text": b"P3 2 2 255\n" + b"9" * 500, "bmp": b"BM" + bytes(60), "tiff": b"II*\x00\xff\xff\xff\xff",
        "svg": b"<svg/>",
        "webp": b"RIFF\xff\xff\xff\xffWEBPVP8 ", "jpeg": b"\xff\xd8\xff\xe0\x00\x00",
        "fli": b"\x00" * 4 + b"\x12\xaf" + bytes(200),
    }  # fmt: skip


ODD = odd_pictures()


@pytest.mark.parametrize("name", ODD)
def test_odd_pictures(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(ODD[name])
    refused = name in {
        "giant", "no pixels", "wide", "no palette", "texts", "float", "int", "gif", "eps", "icon", "ppm giant",
        "ppm negative", "bmp",
        "ppm text", "tiff", "svg", "webp", "jpeg", "fli",
    }  # fmt: skip
    assert (outcome(pixels, path, names_file=True) is REFUSED) == refused
    outcome(read_traits, path, names_file=True)
    outcome(lambda path: decode(io.BytesIO(path.read_bytes()), "x.png"), path, names_file=True)


@pytest.mark.parametrize("name", ["several", "animation", "moving", "turned", "palette", "cmyk"])
def test_what_is_peculiar_about_a_picture_is_said(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(ODD[name])
    traits = read_traits(path)
    assert traits.rotated == (name == "turned")
    assert traits.several == (name in ("several", "animation", "moving"))
    assert rule_of(traits) or name in ("several", "animation", "moving", "turned")


def test_damaged_pictures_of_every_kind(trials: Trials) -> None:
    path = trials.folder / "x.png"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        for read in (pixels, read_traits, read_values):
            found = outcome(read, path, names_file=True)
        trials.counts["refused" if found is REFUSED else "decoded"] += 1

    trials.try_all(st.sampled_from(sorted(ODD)).flatmap(lambda name: spoiled(ODD[name])), check)


def test_label_maps(trials: Trials) -> None:
    stream = io.BytesIO()
    Image.fromarray((np.arange(64) % 19).astype(np.uint8).reshape(8, 8)).save(stream, "PNG")
    rule = LabelRule(19, unlabelled=True)

    def read(path: Path) -> Any:
        maps = FileLabels([path], [path], 0)
        labels = maps.labels(0)
        assert labels.dtype == np.uint16
        assert labels.ndim == 3
        return rule.problem(labels), labels.tobytes()

    trials.withstands(
        Reader(read, stream.getvalue(), "x.png", lambda found, good: isinstance(found, tuple), names_file=True)
    )
    path = trials.folder / "x.png"
    for name, content in ODD.items():
        path.write_bytes(content)
        assert outcome(read, path) is REFUSED or name in ("palette", "grey", "bits", "int")


def archive(kind: str) -> bytes:
    stream = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
            for i in range(3):
                made.writestr(f"horse/trainA/{i}.jpg", b"x" * 500)
    else:
        with tarfile.open(fileobj=stream, mode=f"w:{kind}") as tar:
            for i in range(3):
                entry = tarfile.TarInfo(f"horse/trainA/{i}.jpg")
                entry.size = 500
                tar.addfile(entry, io.BytesIO(b"x" * 500))
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["zip", "", "gz", "bz2", "xz"])
def test_archives(trials: Trials, kind: str) -> None:
    """Nothing is written outside, nothing but regular files, and no more than was allowed."""
    target = trials.folder / "target"
    target.mkdir()

    def read(path: Path) -> Any:
        try:
            return unpack(path, target, lambda path: path, 10_000, lambda position: None)
        finally:
            found = [file for file in target.rglob("*") if not file.is_dir()]
            assert all(file.is_file() and not file.is_symlink() for file in found)
            assert sum(file.stat().st_size for file in found) <= 10_000
            assert sorted(file.name for file in trials.folder.iterdir()) in (["archive", "target"], ["target"])
            for file in sorted(target.rglob("*"), reverse=True):
                file.rmdir() if file.is_dir() else file.unlink()

    trials.withstands(Reader(read, archive(kind), "archive", lambda found, good: isinstance(found, int), inputs=0.5))


def test_hostile_archives(trials: Trials) -> None:
    target, path = trials.folder / "target", trials.folder / "archive"
    target.mkdir()
    names = st.sampled_from(
        [
            "a",
            "../a",
            "/a",
            "a/../../b",
            "..\\a",
            "C:a",
            "a\0b",
            "a\nb",
            "a/" * 40 + "b",
            "",
            ".",
            "\udcff",
            "é",
            "a",
            "x" * 300,
        ]
    )
    kinds = st.sampled_from(
        [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE, b"?"]
    )
    entries = st.lists(st.tuples(names, kinds, st.sampled_from([0, 10, 9000, -1, 2**40])), min_size=1, max_size=4)

    def check(found: list[tuple[str, bytes, int]]) -> None:
        with tarfile.open(path, "w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as tar:
            for name, kind, size in found:
                entry = tarfile.TarInfo(name)
                entry.type, entry.size, entry.linkname = kind, size, "/etc/passwd"
                tar.fileobj.write(entry.tobuf(tarfile.GNU_FORMAT, errors="surrogateescape") + bytes(512))  # type: ignore[union-attr]
        unpacked = outcome(lambda path: unpack(path, target, lambda path: path, 10_000, lambda position: None), path)
        left = list(target.rglob("*"))
        assert not any(file.is_symlink() or file.is_fifo() for file in left)
        assert not (trials.folder / "b").exists()
        for file in sorted(left, reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()
        trials.counts["refused" if unpacked is REFUSED else "unpacked"] += 1

    trials.try_all(entries, check, 0.5)


def test_notes_of_downloads(trials: Trials) -> None:
    """What is asked of a server is what an earlier attempt noted, or the whole file."""
    part = trials.folder / "x.zip.part"
    part.write_bytes(bytes(100))
    url = "https://example.org/x.zip"
    content = {"url": url, "validator": '"abc"', "total": 200}

    def read(path: Path) -> Any:
        resuming = _Resuming(part, 1 << 20, 1, 1.0, 0.0)
        headers = resuming._headers(url, resuming._bytes_here(url))
        assert all(type(value) is str and "\n" not in value and "\r" not in value for value in headers.values())
        return headers

    def whole_or_as_noted(found: Any, good: Any) -> bool:
        return "Range" not in found or (good is not None and found["Range"] == good["Range"])

    trials.withstands(Reader(read, as_json(content), "x.zip.part.json", whole_or_as_noted))


def test_records_of_preparation(trials: Trials) -> None:
    content = {
        "data": "horse2zebra", "owner": "o", "licence": "l", "contrastbench": "0.1.0",
        "archives": [{"from": "http://a/b.zip", "bytes": 10, "sha256": "0" * 64, "published_sha256": None,
        "verified": False}],
    }  # fmt: skip

    def is_record(found: Any, good: Any) -> bool:
        return found is None or all(type(archive.verified) is bool for archive in found.archives)

    trials.withstands(Reader(read_record, as_json(content), "prepared.json", is_record, names_file=True))


def test_kept_arrays(trials: Trials) -> None:
    store = ArrayCache(trials.folder)
    store.write("a", (3, 4), iter(np.arange(12, dtype=np.uint8).reshape(3, 4)))
    path = trials.folder / "a.npy"

    def read(path: Path) -> Any:
        found = store.read("a")
        return None if found is None else np.array(found).tobytes()

    trials.withstands(Reader(read, path.read_bytes(), "a.npy"))


def test_archives_of_cityscapes(trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{folder}/{split}/city/city_0_0_{part}" for split in ("train", "val")
             for folder, part in (("leftImg8bit", "leftImg8bit.png"), ("gtFine", "gtFine_color.png"))]  # fmt: skip
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name in names:
            made.writestr(name, picture("PNG"))
    target = trials.folder / "target"

    def read(path: Path) -> Any:
        for file in target.rglob("*.jpg"):
            file.unlink()
        convert([path], target, "nearest", "nearest", partial(Meter, "converting", "images"))
        return [read_image(file).tobytes() for file in sorted(target.rglob("*.jpg"))]

    is_whole = lambda found, good: isinstance(found, list) and len(found) == 4  # noqa: E731
    trials.withstands(Reader(read, stream.getvalue(), "x.zip", is_whole, inputs=0.2))
