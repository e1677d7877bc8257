"""Part: the machine, and the rates of its card that steps are measured against."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import nn

from tests.gpu.setting import Checks, Setting, Values

CHANNELS, SIDE = 256, 64  # of a residual block of the generator at 256 pixels
RUNS = 5  # of which the median counts


def checks(setting: Setting) -> Checks:
    """See the module."""
    yield "machine", partial(machine, setting)
    yield "copy within memory", partial(_copy, setting)
    for precision in ("fp32", "tf32", "bf16") if setting.cuda else ("fp32",):
        for batch in (1, 2):
            yield (
                f"convolution of a residual block, {precision}, batch {batch}",
                partial(_convolution, setting, precision, batch),
            )
        yield f"matrix product, {precision}", partial(_product, setting, precision)


def machine(setting: Setting) -> Values:
    """What was measured on, and with what."""
    values: Values = {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cores": os.cpu_count(),
    }
    if setting.cuda:
        properties = torch.cuda.get_device_properties(0)
        driver = Path("/proc/driver/nvidia/version")
        words = driver.read_text().split() if driver.exists() else []
        values |= {
            "card": properties.name,
            "memory_GB": round(properties.total_memory / 1e9, 1),
            "multiprocessors": properties.multi_processor_count,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "driver": next((word for word in words if word[:1].isdigit() and word.count(".") >= 2), ""),
        }
    return values


def timed(work: Callable[[], object], setting: Setting, seconds: float = 0.15) -> float:
    """The median time of one call, on the device's clock where it has one.

    Args:
        work: repeated until `seconds` are over, RUNS times, after a warm-up.
        setting: where.
        seconds: of each run.
    """
    for _ in range(1 if setting.small else 10):
        work()
    setting.wait()
    started = time.perf_counter()
    work()
    setting.wait()
    count = 1 if setting.small else max(3, round(seconds / max(time.perf_counter() - started, 1e-6)))
    found = []
    for _ in range(RUNS):
        if setting.cuda:
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            for _ in range(count):
                work()
            end.record()
            setting.wait()
            found.append(begin.elapsed_time(end) / 1000 / count)
        else:
            started = time.perf_counter()
            for _ in range(count):
                work()
            found.append((time.perf_counter() - started) / count)
    return sorted(found)[RUNS // 2]


def plain_arithmetic(precision: str) -> torch.dtype:
    """Set torch as it is for programs that ask for nothing, but for the precision; and the type that tensors have."""
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.deterministic = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    return torch.bfloat16 if precision == "bf16" else torch.float32


def _copy(setting: Setting) -> Values:
    size = 1 << (20 if setting.small else 31)
    source = torch.randint(256, (size,), dtype=torch.uint8, device=setting.device)
    target = torch.empty_like(source)
    return {"TB_per_s": 2 * size / timed(lambda: target.copy_(source), setting) / 1e12}


def _product(setting: Setting, precision: str) -> Values:
    dtype = plain_arithmetic(precision)
    size = 256 if setting.small else 8192
    a, b = (torch.randn(size, size, device=setting.device, dtype=dtype) for _ in range(2))
    return {"TFLOP_per_s": 2 * size**3 / timed(lambda: a @ b, setting) / 1e12}


def _convolution(setting: Setting, precision: str, batch: int) -> Values:
    """Forward and backward, by images and by weights, in the best of torch's ways to have it."""
    dtype = plain_arithmetic(precision)
    channels, side = (16, 16) if setting.small else (CHANNELS, SIDE)
    flops = 2 * 9 * channels**2 * side**2 * batch
    values: Values = {}
    for benchmark in (False, True) if setting.cuda else (False,):
        for layout in (torch.contiguous_format, torch.channels_last):
            torch.backends.cudnn.benchmark = benchmark
            layer = nn.Conv2d(channels, channels, 3, bias=False).to(setting.device, dtype, memory_format=layout)
            images = torch.randn(batch, channels, side + 2, side + 2, device=setting.device, dtype=dtype)
            images = images.contiguous(memory_format=layout).requires_grad_()
            gradient = torch.randn(batch, channels, side, side, device=setting.device, dtype=dtype)
            gradient = gradient.contiguous(memory_format=layout)

            def both(
                layer: nn.Conv2d = layer, images: torch.Tensor = images, gradient: torch.Tensor = gradient
            ) -> object:
                return torch.autograd.grad(layer(images), (images, layer.weight), gradient)

            name = f"{'channels-last' if layout == torch.channels_last else 'contiguous'}{', searched' * benchmark}"
            values[f"TFLOP_per_s, {name}"] = 3 * flops / timed(both, setting) / 1e12
    torch.backends.cudnn.benchmark = False
    return values | {"TFLOP_per_s": max(values.values())}
