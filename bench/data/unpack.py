"""Unpacking archives that strangers made: nothing leaves the target folder, no links, bounded in size and number."""

from __future__ import annotations

import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Self

from bench.base.errors import BenchError
from bench.base.regular import NotRegular, open_regular
from bench.base.storage import explained
from bench.base.words import shown_path

CHUNK = 1 << 20
MAX_FILES = 200_000
MAX_DEPTH = 32  # folders in folders; the data sets of this field have five
_MAX_HEADER = 1 << 20  # of a tar's long names and attributes, which tarfile reads at once
_MAGIC = {b"PK\x03\x04": "zip", b"\x1f\x8b": "tar", b"BZh": "tar", b"\xfd7zXZ\x00": "tar"}
_DAMAGE = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError,
    RuntimeError, LookupError, OverflowError, MemoryError,
)  # fmt: skip


class Damaged(BenchError):
    """The archive's bytes are wrong: another copy of it may be right."""


def archive_kind(head: bytes) -> str | None:
    """Tell an archive by its first bytes, at least 262 of them: `zip`, `tar` (compressed or not) or None."""
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    return "tar" if head[257:262] == b"ustar" else None


@dataclass(frozen=True)
class Member:
    """One regular file of an archive.

    Attributes:
        path: as stored, checked: relative, without `..`.
        size: unpacked, in bytes, as the archive declares it.
        position: of the archive file's bytes before it, for showing progress.
        open: gives its content, with the archive's own checksum checked at the end where it has one.
    """

    path: PurePosixPath
    size: int
    position: int
    open: Callable[[], IO[bytes]]


@contextmanager
def members(archive: Path, max_bytes: int) -> Iterator[Iterator[Member]]:
    """The regular files of a zip or tar archive, in its order; each must be read before the next one is asked for.

    Args:
        archive: the file.
        max_bytes: refuse more than this in all, unpacked.

    Raises:
        BenchError: if it is no archive or damaged, or holds a link, a device, an encrypted file, a path that leads out
            of the target, or too much.
    """
    try:
        with open_regular(archive) as file:
            kind = archive_kind(file.read(512))
            if kind is None:
                raise BenchError(
                    f"{shown_path(archive)}: is no zip or tar archive; give the file as its owner distributes it"
                )
            file.seek(0)
            if kind == "zip":
                with zipfile.ZipFile(file) as opened:
                    yield _bounded(archive, _zip(archive, opened), max_bytes)
            else:
                with tarfile.open(fileobj=file, tarinfo=_Header) as opened_tar:
                    yield _bounded(archive, _tar(archive, opened_tar, file), max_bytes)
    except (FileNotFoundError, NotRegular, PermissionError) as error:
        raise BenchError(
            f"{shown_path(archive)}: cannot be read ({error.strerror}); give the path of the archive"
        ) from error
    except _DAMAGE as error:
        reason = str(error).strip().split("\n")[0].rstrip(":") or type(error).__name__
        raise Damaged(f"{shown_path(archive)}: is damaged or incomplete ({reason}); download it again") from error


class _Header(tarfile.TarInfo):
    """A tar header that is refused where its attributes would fill the memory."""

    _EXTENDED = (
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    )

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read a header of 512 bytes."""
        header = super().frombuf(buf, encoding, errors)
        if header.type in cls._EXTENDED and header.size > _MAX_HEADER:
            raise tarfile.ReadError(f"attributes of {header.size} bytes")
        return header


def _bounded(archive: Path, entries: Iterator[Member | None], max_bytes: int) -> Iterator[Member]:
    """The files among an archive's entries, while neither is too much; a folder is None."""
    total = 0
    for number, member in enumerate(entries):
        if number >= MAX_FILES:
            raise BenchError(f"{shown_path(archive)}: holds more than {MAX_FILES} files, so it is not the data set")
        if member is None:
            continue
        total += member.size
        if total > max_bytes:
            raise BenchError(
                f"{shown_path(archive)}: unpacks to more than {max_bytes / 1e6:.0f} MB, so it is not the data set"
            )
        yield member


def _zip(archive: Path, opened: zipfile.ZipFile) -> Iterator[Member | None]:
    for info in opened.infolist():
        path = _safe(archive, info.filename)
        kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the archive was not made on a Unix system
        if info.is_dir():
            yield None
            continue
        if kind not in (0, stat.S_IFREG):
            raise BenchError(_of(archive, info.filename, "is a link or a device; data sets hold neither"))
        if info.flag_bits & 1:
            raise BenchError(_of(archive, info.filename, "is encrypted; unpack it yourself and give a plain archive"))
        yield Member(path, info.file_size, info.header_offset, lambda info=info: opened.open(info))  # type: ignore[misc]


def _tar(archive: Path, opened: tarfile.TarFile, file: IO[bytes]) -> Iterator[Member | None]:
    for info in opened:
        path = _safe(archive, info.name)
        if info.isdir():
            yield None
            continue
        if not info.isreg():
            raise BenchError(_of(archive, info.name, "is a link or a device; data sets hold neither"))
        yield Member(path, info.size, file.tell(), lambda info=info: _content(opened, info))  # type: ignore[misc]


def _content(opened: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    content = opened.extractfile(info)
    assert content is not None  # None only for what is no regular file
    return content


def _safe(archive: Path, name: str) -> PurePosixPath:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in (path.parts or ("",))[0] or "\0" in name:
        raise BenchError(_of(archive, name, "leads out of the folder it is unpacked to; it was made to do harm"))
    if len(path.parts) > MAX_DEPTH:
        raise BenchError(_of(archive, name[:60], f"... is more than {MAX_DEPTH} folders deep; no data set is"))
    return path


def _of(archive: Path, name: str, what: str) -> str:
    return f"{shown_path(archive)}: {shown_path(Path(name.replace(chr(0), '?')))} {what}"


def unpack(
    archive: Path,
    target: Path,
    place: Callable[[PurePosixPath], PurePosixPath | None],
    max_bytes: int,
    passed: Callable[[int], None],
) -> int:
    """Write chosen files of an archive below a folder.

    Args:
        archive: zip, or tar in any compression.
        target: exists; what fails halfway leaves files there.
        place: where below `target` a file goes; None leaves it out.
        max_bytes: most bytes unpacked, in all.
        passed: called with the position in the archive file before each of its files.

    Returns:
        How many files were written.

    Raises:
        Damaged: if the archive's bytes are wrong.
        BenchError: if it holds what no data set holds, or the disk refuses.
    """
    written = 0
    with members(archive, max_bytes) as files:
        for member in files:
            passed(member.position)
            where = place(member.path)
            if where is not None:
                _write(archive, member, target / where)
                written += 1
    return written


def _write(archive: Path, member: Member, path: Path) -> None:
    """Copy one file, never more of it than it declares, never over another."""
    left = member.size
    with explained(path, "--data"):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            raise BenchError(
                f"{shown_path(archive)}: holds {shown_path(Path(path.name))} twice; it is not the data set as distributed"
            )
        file = path.open("xb")
    with file, member.open() as content:
        while chunk := content.read(CHUNK):
            left -= len(chunk)
            if left < 0:
                raise Damaged(_of(archive, str(member.path), "is larger than it declares; download it again"))
            with explained(path, "--data"):
                file.write(chunk)
    if left:
        raise Damaged(_of(archive, str(member.path), "is shorter than it declares; download it again"))
