"""Arrays that others stored, as numpy's `.npz`: read whole within bounds, nothing in them run, or refused in one line."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.base.errors import BenchError
from bench.base.regular import open_regular
from bench.base.streams import one_line

if TYPE_CHECKING:
    import numpy as np

MAX_BYTES = 8 << 30  # of all arrays, unpacked: 1,000,000 features of FID


def read_arrays(path: Path, most: int = MAX_BYTES) -> dict[str, np.ndarray]:
    """Every array of a file by its name.

    Args:
        path: an `.npz` file.
        most: bytes, unpacked.

    Raises:
        FileNotFoundError: there is none.
        BenchError: it is damaged, holds anything else than plain arrays, or more.
    """
    import numpy as np

    try:
        with open_regular(path) as file:
            with zipfile.ZipFile(file) as archive:
                if sum(member.file_size for member in archive.infolist()) > most:
                    raise ValueError(f"more than {most >> 20} MiB")
            file.seek(0)
            with np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        if strange := [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]:
            raise ValueError(f"{strange[0]} is no array")
    except FileNotFoundError:
        raise
    except Exception as error:  # zip and numpy raise many kinds for a damaged file
        reason = one_line(str(error).strip().split("\n")[0])[:200] or type(error).__name__
        raise BenchError(f"{path}: cannot be read as arrays ({reason})") from error
    return arrays
