"""Arrays that are slow to make, kept on disk: atomic, checksummed, memory-mapped, and never needed to be right.

A file is an ordinary .npy followed by the sha256 of it, so that one rename publishes array and checksum together;
`numpy.load` ignores the trailing bytes.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from bench.base.errors import BenchError
from bench.base.regular import open_regular
from bench.base.storage import write_atomically

log = logging.getLogger(__name__)
_DIGEST_BYTES = 32
_CHUNK_BYTES = 1 << 22
_reported: set[Path] = set()


class ArrayCache:
    """A folder of arrays by key.

    Args:
        folder: where the files lie; made on the first write. If it cannot be written, one line is logged and nothing
            is stored.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, key: str) -> np.ndarray | None:
        """The stored array, memory-mapped and read-only; None if there is none or its checksum is wrong."""
        path = self._path(key)
        try:
            if not _checksum_holds(path):
                log.warning("%s: damaged cache file; making it again", path)
                return None
            return np.load(path, mmap_mode="r", allow_pickle=False)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            log.warning("%s: cache file cannot be read (%s); making it again", path, error)
            return None

    def write(self, key: str, shape: tuple[int, ...], rows: Iterator[np.ndarray]) -> np.ndarray | None:
        """Store a uint8 array row by row, without holding it in memory, and return it memory-mapped.

        Args:
            key: the array's key; must change whenever the content would.
            shape: of the whole array; `rows` yields shape[0] arrays of shape[1:].
            rows: consumed only if the place can be written.

        Returns:
            The array as `read` gives it, or None if it could not be stored.

        Raises:
            BenchError: whatever `rows` raises; nothing is stored then.
        """
        source_errors: list[BenchError] = []

        def watched() -> Iterator[np.ndarray]:
            try:
                yield from rows
            except BenchError as error:
                source_errors.append(error)
                raise

        try:
            write_atomically(self._path(key), lambda temporary: _save(temporary, shape, watched()))
        except BenchError as error:
            if error in source_errors:
                raise
            _report_unwritable(self.folder, str(error))
            return None
        return self.read(key)

    def get(self, key: str, make: Callable[[], np.ndarray]) -> np.ndarray:
        """The stored uint8 array, or else what `make` returns, which is then stored if possible."""
        stored = self.read(key)
        if stored is None:
            made = make()
            stored = self.write(key, made.shape, iter(made))
            return made if stored is None else stored
        return stored

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.npy"


def _report_unwritable(folder: Path, reason: str) -> None:
    """Say once per folder that caching is off."""
    if folder not in _reported:
        _reported.add(folder)
        log.warning("%s; without that cache, opening data takes longer every time", reason)


def _save(path: Path, shape: tuple[int, ...], rows: Iterator[np.ndarray]) -> None:
    digest = hashlib.sha256()
    with path.open("wb") as file:
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.uint8)), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.flush()
        digest.update(path.read_bytes())
        count = 0
        for row in rows:
            if row.shape != shape[1:] or row.dtype != np.uint8:
                raise ValueError(f"row of shape {row.shape} and type {row.dtype} in an array of shape {shape}")
            content = np.ascontiguousarray(row).tobytes()
            file.write(content)
            digest.update(content)
            count += 1
        if count != shape[0]:
            raise ValueError(f"{count} rows for an array of shape {shape}")
        file.write(digest.digest())


def _checksum_holds(path: Path) -> bool:
    """Whether a file is what was written; one that this process has found whole is looked at again when it changes."""
    status = path.stat()
    return _is_whole(path, (status.st_ino, status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=4096)  # a plan of one table opens the same arrays some hundred times
def _is_whole(path: Path, stamp: tuple[int, int, int]) -> bool:
    digest = hashlib.sha256()
    left = stamp[1] - _DIGEST_BYTES
    if left <= 0:
        return False
    with open_regular(path) as file:
        while left > 0:
            chunk = file.read(min(left, _CHUNK_BYTES))
            if not chunk:
                return False
            digest.update(chunk)
            left -= len(chunk)
        return file.read() == digest.digest()


def key_of(*parts: object) -> str:
    """A file name for everything that determines an array's content."""
    text = "\x1f".join(str(part) for part in parts)
    # file names may be no text: their bytes, then
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
