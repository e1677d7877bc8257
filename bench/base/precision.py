"""The arithmetic that steps are made in: a named choice, `--precision`, which is part of a run's key.

`fp32`: IEEE single precision throughout, the default. `tf32`: convolutions on NVIDIA's cards with ten bits of mantissa,
matrix products in single precision: torch's own default on such cards, and so what the papers' programs do there today.
`bf16`: the step under autocast, weights and Adam in single precision; a deviation from what was published.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, cast, get_args

from bench.base.errors import UsageError

Precision = Literal["fp32", "tf32", "bf16"]
WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"  # read by cuBLAS when it is first used


def chosen_precision(option: str | None, device: str) -> Precision:
    """The precision that runs are planned for.

    Args:
        option: the value of `--precision`; None: fp32.
        device: the type of device that they are planned for.

    Raises:
        UsageError: it is none, or the device has no such arithmetic.
    """
    value = option or "fp32"
    if value not in get_args(Precision):
        raise UsageError(f"--precision {value}: is none; write fp32, tf32 or bf16")
    if value == "tf32" and device != "cuda":
        raise UsageError(
            f"--precision tf32: is arithmetic of NVIDIA's cards; with --device {device} write fp32 or bf16"
        )
    return cast(Precision, value)


def deviations(precision: Precision) -> list[str]:
    """What a run in this precision does not do as published, one line each."""
    return ["precision fp32 -> bf16 (autocast)"] if precision == "bf16" else []


def prepare(device: str, precision: Precision) -> None:
    """Set this process's arithmetic: the precision, and on a card algorithms that give the same bits in every run.

    An operation that has no such algorithm says so in a warning, which names it; it does not end the run.

    Args:
        device: torch's name of it.
        precision: of all steps that follow.
    """
    import torch
    import torch.utils.deterministic

    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    if device.partition(":")[0] == "cuda":
        os.environ.setdefault(WORKSPACE, ":4096:8")
        torch.backends.cudnn.benchmark = False  # it chooses by the clock
        torch.backends.cudnn.deterministic = True
        torch.use_deterministic_algorithms(True, warn_only=True)
        # it costs a launch for each new tensor
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def arithmetic(precision: Precision, device: str) -> AbstractContextManager[object]:
    """The context that a step is made in; it is entered once and left.

    Args:
        precision: as of `prepare`.
        device: the type of device.
    """
    if precision != "bf16":
        return nullcontext()
    import torch

    # a cache of converted weights would go stale within a captured step
    return torch.autocast(device, dtype=torch.bfloat16, cache_enabled=False)
