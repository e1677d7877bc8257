"""Which device computes, resolved in one place: `--device`, else CONTRASTBENCH_DEVICE, else what torch sees.

A run's specification holds the type of its device, which joins its key. The card is whichever the run's process is shown:
it is provenance, and the same for torch as for the operating system (CUDA_VISIBLE_DEVICES).

CONTRASTBENCH_FAKE_DEVICES=N is an aid for tests: executors hand out N cards named fake-0, fake-1, ... to runs that compute
on the CPU. Only the handing out is pretended: such a run's device is `cpu`, and its card is recorded under that name.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast, get_args

from bench.base.errors import NotAvailable, UsageError

DeviceType = Literal["cpu", "cuda"]
VARIABLE = "CONTRASTBENCH_DEVICE"
FAKE = "CONTRASTBENCH_FAKE_DEVICES"
VISIBLE = "CUDA_VISIBLE_DEVICES"
_PRETENDED = "fake-"
OUT_OF_MEMORY = "--per-device 1, a smaller batch (--set batch_size=1) or --device cpu"


def chosen_device(option: str | None = None) -> DeviceType:
    """The type of device that runs are planned for.

    Args:
        option: the value of `--device`: cpu, cuda or auto; None: that of CONTRASTBENCH_DEVICE, else auto.

    Raises:
        UsageError: naming a value that is none of these.
    """
    source, value = ("--device", option) if option is not None else (VARIABLE, os.environ.get(VARIABLE) or "auto")
    if value == "auto":
        return "cuda" if _has_cuda() else "cpu"
    if value not in get_args(DeviceType):
        raise UsageError(f"{source} {value}: is no device; write cpu, cuda or auto (cuda where there is one)")
    return cast(DeviceType, value)


def _has_cuda() -> bool:
    """Whether torch sees a card; torch, whose import takes seconds, is not asked where there is no driver for one."""
    if not (Path("/dev/kfd").exists() or _loads("libcuda.so.1") or _loads("nvcuda.dll")):  # kfd: AMD's
        return False
    import torch

    return torch.cuda.is_available()


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def require(device: str) -> str:
    """The device's name for torch, once it is certain that it is here.

    Raises:
        NotAvailable: torch sees no such device on this machine.
    """
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise NotAvailable(
                "this is planned for cuda, and torch sees no CUDA device here; use a machine that has one, or plan for the "
                "CPU with --device cpu (runs of their own, since digits differ)"
            )
    return device


def cards(device: str) -> list[str]:
    """The cards of this type that this process may use, as CUDA_VISIBLE_DEVICES names them; none for the CPU.

    A list that the process was given itself is respected: numbers, UUIDs and MIG instances.
    """
    if fakes := os.environ.get(FAKE):
        if not (fakes.isascii() and fakes.isdigit() and len(fakes) < 4):
            raise UsageError(f"{FAKE}={fakes}: write how many cards to pretend, for example {FAKE}=2")
        return [f"{_PRETENDED}{number}" for number in range(int(fakes))]
    if device != "cuda":
        return []
    import torch

    count = torch.cuda.device_count()
    if (listed := os.environ.get(VISIBLE)) is None:
        return [str(number) for number in range(count)]
    names = [name.strip() for name in listed.split(",")]
    # CUDA shows a process at most one MIG instance, so its count does not say how many are listed
    return names if count and all(name.startswith("MIG") for name in names) else names[:count]


def made_on(device: str) -> dict[str, Any]:
    """Provenance of a number: type of device, name of the card, its driver, and threads of the CPU's part.

    Args:
        device: torch's name of it.

    Returns:
        device, card, driver (both empty for the CPU, but for a pretended card) and threads.
    """
    import torch

    kind = device.partition(":")[0]
    card, driver = (torch.cuda.get_device_name(device), _driver()) if kind == "cuda" else (_pretended_card(), "")
    return {"device": kind, "card": card, "driver": driver, "threads": torch.get_num_threads()}


def _pretended_card() -> str:
    """The pretended card that an executor gave to a run on the CPU; empty if there is none."""
    card = os.environ.get(VISIBLE, "")
    return card if card.startswith(_PRETENDED) else ""


@cache
def _driver(file: Path = Path("/proc/driver/nvidia/version")) -> str:
    """The version of NVIDIA's kernel module; empty where the system does not say."""
    try:
        match = re.search(r"\b\d+\.\d+(\.\d+)?\b", file.read_text())
    except OSError:
        return ""
    return match[0] if match else ""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device's own memory was too small."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(error, torch.OutOfMemoryError)


def memory_figure(error: BaseException) -> str:
    """What torch says of a memory that was too small: what was asked for, of how much, and what was free.

    Args:
        error: one that `is_out_of_memory`.
    """
    sentences = re.split(r"(?<=[a-zA-Z])[.]\s+", str(error).replace("\n", " "))
    return ". ".join([sentence for sentence in sentences if re.search(r"\d", sentence)][:2]) or "torch gives no figure"
