"""Devices, cores and threads, memory, disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.base.device import chosen_device, require
from bench.base.errors import BenchError
from bench.checks.doctor.finding import Finding

SECTION = "machine"
GIB = 1 << 30
# measured at batch 1, 256 px and full width: CycleGAN 3.7, NEGCUT 4.8 GiB; at 64 px 0.7 to 1
PAPER_GIB, SMOKE_GIB = 5, 1
DISK_GIB = 2  # a table at smoke scale with its caches, and room for logs


def machine_findings(home: Path) -> Iterator[Finding]:
    """Look at what runs would have.

    Args:
        home: the results root; need not exist.
    """
    import torch

    for index in range(torch.cuda.device_count()):
        yield _cuda(index)
    yield _choice()
    cores, threads = usable_cores(), torch.get_num_threads()
    detail = (
        f"{cores} usable; a run uses as many threads as its scale says, usually 1 (torch's own choice here: {threads})"
    )
    yield Finding(SECTION, "cores", "ok", detail)
    yield _memory()
    yield _disk(home)


def _choice() -> Finding:
    """Which device runs are planned for when no `--device` is given."""
    try:
        device = require(chosen_device())
    except BenchError as error:
        return Finding(SECTION, "device", "FAIL", str(error))
    detail = f"runs use {'the CPU' if device == 'cpu' else device}; --device or CONTRASTBENCH_DEVICE chooses"
    return Finding(SECTION, "device", "note", detail)


def _cuda(index: int) -> Finding:
    import torch

    device = f"cuda:{index}"
    about = torch.cuda.get_device_properties(index)
    name = f"{about.name}, {about.total_memory / GIB:.0f} GiB, compute {about.major}.{about.minor}"
    error = convolution_error(device)
    rounded = " (TF32: three digits)" if error > 1e-5 else ""
    return Finding(
        SECTION, device, "note" if rounded else "ok", f"{name}; a float32 convolution is {error:.0e} off{rounded}"
    )


def convolution_error(device: str) -> float:
    """Relative error of a float32 convolution on a device against float64 on the CPU: 1e-7, with TF32 3e-4."""
    import torch
    from torch.nn.functional import conv2d

    rng = np.random.default_rng(0)
    images, kernels = (torch.tensor(rng.normal(size=shape)) for shape in ((1, 64, 16, 16), (64, 64, 3, 3)))
    exact = conv2d(images, kernels)
    computed = conv2d(images.float().to(device), kernels.float().to(device)).double().cpu()
    return float((computed - exact).norm() / exact.norm())


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> Finding:
    available = available_memory()
    if available is None:
        return Finding(SECTION, "memory", "note", "how much is free is not known on this system")
    detail = f"{available / GIB:.1f} GiB free"
    if available < SMOKE_GIB * GIB:
        return Finding(
            SECTION, "memory", "warn", f"{detail}; a run at smoke scale takes about {SMOKE_GIB} GiB: free some"
        )
    if available < PAPER_GIB * GIB:
        return Finding(
            SECTION, "memory", "note", f"{detail}; a run at paper scale on the CPU takes up to {PAPER_GIB} GiB"
        )
    return Finding(SECTION, "memory", "ok", detail)


def available_memory(root: Path = Path("/")) -> int | None:
    """Bytes that can still be taken: what the system has, or a container's limit less its use; None if unknown.

    Args:
        root: where `proc` and `sys` are.
    """
    amounts = []
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
        amounts += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
        group = root / "sys/fs/cgroup"
        limit = (group / "memory.max").read_text().strip()
        if limit != "max":
            amounts.append(max(0, int(limit) - int((group / "memory.current").read_text())))
    except (OSError, ValueError, IndexError):
        pass  # no Linux, or no control group: the other answer stands
    return min(amounts, default=None)


def _disk(home: Path) -> Finding:
    place = next(folder for folder in (home, *home.parents) if folder.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        return Finding(SECTION, "disk", "FAIL", f"{place} is not writable; choose another place with --home DIR")
    free = shutil.disk_usage(place).free
    detail = f"{free / GIB:.1f} GiB free at {home}" + ("" if home.exists() else " (not there yet)")
    if free < DISK_GIB * GIB:
        return Finding(
            SECTION, "disk", "warn", f"{detail}; less than {DISK_GIB} GiB: free some or choose another --home"
        )
    return Finding(SECTION, "disk", "ok", detail)
