"""Recorded tensors read from files that others wrote: `.safetensors` and `.npz`, or one line that says what is wrong."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load
from torch import Tensor

from bench.base.array_file import read_arrays
from bench.base.errors import BenchError
from bench.base.regular import read_regular

MAX_BYTES = 8 << 30
_WAY_OUT = "record it again, or give another copy"


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Every tensor of a record's file by its name.

    Args:
        path: a `.npz` file; anything else is read as `.safetensors`.

    Raises:
        BenchError: it is damaged, or holds something else than tensors.
    """
    try:
        if path.suffix == ".npz":
            return {name: torch.from_numpy(array) for name, array in read_arrays(path, MAX_BYTES).items()}
        return load(read_regular(path, MAX_BYTES))
    except BenchError as error:
        raise BenchError(f"{error}; {_WAY_OUT}") from error
    except Exception as error:  # safetensors and torch raise many kinds: of damage, and of types torch does not have
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise BenchError(f"{path}: cannot be read as tensors ({reason}); {_WAY_OUT}") from error
