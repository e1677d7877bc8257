import io
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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


def test_deep_archives_are_refused_in_one_line(tmp_path: Path) -> None:
    name = "a/" * 1200 + "x.jpg"
    for archive in (zip_of(tmp_path / "x.zip", {name: b"1"}), tar_of(tmp_path / "x.tar", {name: b"1"}, "w")):
        with pytest.raises(BenchError, match="is more than 32 folders deep") as caught:
            everything(archive, tmp_path / archive.suffix)
        assert len(str(caught.value)) < 300


def test_folders_count_as_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.data.unpack.MAX_FILES", 3)
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for i in range(5):
            info = tarfile.TarInfo(f"folder{i}")
            info.type = tarfile.DIRTYPE
            archive.addfile(info)
    with pytest.raises(BenchError, match="holds more than 3 files"):
        everything(tmp_path / "x.tar", tmp_path / "out")


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_devices_pipes_and_links_are_refused(kind: bytes, tmp_path: Path) -> None:
    info = tarfile.TarInfo("set/trainA/x.jpg")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(BenchError, match=r"x\.jpg is a link or a device"):
        everything(tar_of(tmp_path / "x.tar", FILES, "w", extra=info), tmp_path / "out")


def test_attributes_that_fill_the_memory_are_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 1 << 32
    (tmp_path / "x.tar").write_bytes(info.tobuf() + bytes(1024))
    with pytest.raises(Damaged, match="is damaged or incomplete"):
        everything(tmp_path / "x.tar", tmp_path / "out")


def archived(kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in FILES.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(fileobj=buffer, mode=kind) as tar:  # type: ignore[call-overload]
            for name, content in FILES.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


SEEDS = [archived(kind) for kind in ("zip", "w", "w:gz", "w:bz2", "w:xz")]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    content = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(content)))
        content[place : place + draw(st.sampled_from([0, 1, 1, 4, 40]))] = draw(st.binary(max_size=8))
    return bytes(content)


def problem(archive: Path, target: Path) -> str:
    """What is wrong with an archive, empty if nothing is."""
    try:
        unpack(archive, target, lambda path: path, 10_000, lambda position: None)
    except BenchError as error:
        return str(error)
    return ""


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=damaged())
def test_whatever_an_archive_holds_one_line_says_it(content: bytes, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        archive, target = Path(folder, "x"), Path(folder, "out")
        archive.write_bytes(content)
        target.mkdir()
        assert "\n" not in problem(archive, target)
        assert sorted(path.name for path in Path(folder).iterdir()) == ["out", "x"]
