import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from bench.base.errors import BenchError
from bench.data.unpack import Damaged, archive_kind, unpack

FILES = {"set/trainA/a.jpg": b"a" * 1000, "set/trainB/b.jpg": b"b" * 500}


def zip_of(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tar_of(path: Path, files: dict[str, bytes], mode: str = "w:gz", **extra: tarfile.TarInfo) -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in extra.values():
            archive.addfile(info)
    return path


def everything(archive: Path, target: Path, max_bytes: int = 10_000) -> dict[str, bytes]:
    target.mkdir()
    count = unpack(archive, target, lambda path: path, max_bytes, lambda position: None)
    found = {p.relative_to(target).as_posix(): p.read_bytes() for p in target.rglob("*") if p.is_file()}
    assert count == len(found)
    return found


@pytest.mark.parametrize("mode", ["zip", "w", "w:gz", "w:bz2", "w:xz"])
def test_every_kind_of_archive(mode: str, tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "x", FILES) if mode == "zip" else tar_of(tmp_path / "x", FILES, mode)
    assert archive_kind(archive.read_bytes()[:512]) == ("zip" if mode == "zip" else "tar")
    assert everything(archive, tmp_path / "out") == FILES


def test_place_chooses_and_moves(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "x.zip", FILES)
    seen: list[int] = []

    def place(path: PurePosixPath) -> PurePosixPath | None:
        return PurePosixPath("there", path.name) if "trainB" in path.parts else None

    assert unpack(archive, tmp_path, place, 10_000, seen.append) == 1
    assert (tmp_path / "there" / "b.jpg").read_bytes() == b"b" * 500
    assert not (tmp_path / "set").exists()
    assert seen == sorted(seen)
    assert len(seen) == 2


@pytest.mark.parametrize("name", ["../evil.jpg", "/evil.jpg", "a/../../evil.jpg", "C:/evil.jpg", "..\\evil.jpg"])
@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_nothing_leaves_the_target(make: Callable[..., Path], name: str, tmp_path: Path) -> None:
    archive = make(tmp_path / "x", {name: b"evil"})
    with pytest.raises(BenchError, match="leads out of the folder"):
        everything(archive, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["out", "x"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_no_links_and_devices_in_a_tar(kind: bytes, tmp_path: Path) -> None:
    info = tarfile.TarInfo("link.jpg")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(BenchError, match=r"link\.jpg is a link or a device"):
        everything(tar_of(tmp_path / "x", {}, link=info), tmp_path / "out")


def test_no_links_in_a_zip(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("link.jpg")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(BenchError, match=r"link\.jpg is a link or a device"):
        everything(tmp_path / "x", tmp_path / "out")


@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_size_is_bounded(make: Callable[..., Path], tmp_path: Path) -> None:
    archive = make(tmp_path / "x", {"zeros.jpg": bytes(5_000_000)})
    assert archive.stat().st_size < 20_000
    with pytest.raises(BenchError, match="unpacks to more than 1 MB"):
        everything(archive, tmp_path / "out", 1_000_000)
    assert not list((tmp_path / "out").iterdir())


def test_a_zip_that_declares_less_than_it_holds(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "x", {"zeros.jpg": bytes(100_000)})
    content = archive.read_bytes()
    archive.write_bytes(content.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(Damaged):
        everything(archive, tmp_path / "out")
    assert sum(path.stat().st_size for path in (tmp_path / "out").iterdir()) <= 10


@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_damage_is_told_apart_from_a_wrong_file(make: Callable[..., Path], tmp_path: Path) -> None:
    noise = bytes(range(256)) * 40
    content = make(tmp_path / "x", {"a.jpg": noise, "b.jpg": noise[::-1]}).read_bytes()
    (tmp_path / "cut").write_bytes(content[: len(content) // 2])
    with pytest.raises(Damaged, match="damaged or incomplete"):
        everything(tmp_path / "cut", tmp_path / "out1", 1_000_000)
    (tmp_path / "page").write_bytes(b"<!doctype html>")
    with pytest.raises(BenchError, match="is no zip or tar archive") as caught:
        everything(tmp_path / "page", tmp_path / "out2")
    assert not isinstance(caught.value, Damaged)


def test_a_flipped_byte_in_a_zip(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "x", {"a.jpg": b"a" * 1000}, zipfile.ZIP_STORED)
    content = bytearray(archive.read_bytes())
    content[500] ^= 1
    archive.write_bytes(content)
    with pytest.raises(Damaged, match="Bad CRC-32"):
        everything(archive, tmp_path / "out")


def test_one_name_twice(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        archive.writestr("a.jpg", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.jpg", b"2")
    with pytest.raises(BenchError, match=r"holds a\.jpg twice"):
        everything(tmp_path / "x", tmp_path / "out")


def test_encrypted(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "x", {"a.jpg": b"1"})
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    with pytest.raises(BenchError, match="is encrypted"):
        everything(archive, tmp_path / "out")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "none.zip", tmp_path):
        with pytest.raises(BenchError, match="cannot be read"):
            unpack(path, tmp_path, lambda p: p, 1000, lambda position: None)
