"""Part: seconds per step of every method, the plain eager step against ours, and where the time goes."""

from __future__ import annotations

import gc
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim import Adam
from torch.utils.flop_counter import FlopCounterMode

from bench.base.precision import Precision, prepare
from bench.plugin.method import Method, StepContext
from bench.run.captured_step import WARM_UP, CapturedStep
from tests.gpu.graphs import Pretended
from tests.gpu.rates import plain_arithmetic
from tests.gpu.setting import Checks, Setting, Values
from tests.gpu.workload import METHODS, batch, moment, published, tiny

CHUNKS = 5
BATCHES = 8  # different ones, in turn, in the device's memory


@dataclass(frozen=True)
class Variant:
    """A way to make steps.

    Attributes:
        name: of it.
        precision: of the arithmetic.
        steps: plain: eager, with torch's default Adam; eager: with the fused one; recorded: as graphs.
        same_bits: algorithms that give the same bits in every run, as runs have them.
        searched: torch searches for the fastest convolutions by the clock.
        channels_last: networks and images.
    """

    name: str
    precision: Precision = "fp32"
    steps: Literal["plain", "eager", "recorded"] = "recorded"
    same_bits: bool = True
    searched: bool = False
    channels_last: bool = False


PLAIN, OURS = Variant("plain", steps="plain", same_bits=False), Variant("ours")
PLAIN_TF32, OURS_TF32 = Variant("plain, tf32", "tf32", "plain", False), Variant("ours, tf32", "tf32")
OURS_BF16 = Variant("ours, bf16", "bf16")
MORE = [
    Variant("eager, fused Adam, same bits", steps="eager"),
    Variant("recorded, bits may differ", same_bits=False),
    Variant("recorded, tf32, bits may differ", "tf32", same_bits=False),
    Variant("recorded, searched", same_bits=False, searched=True),
    Variant("recorded, tf32, searched", "tf32", same_bits=False, searched=True),
    Variant("recorded, tf32, searched, channels-last", "tf32", same_bits=False, searched=True, channels_last=True),
    Variant("recorded, bf16, searched, channels-last", "bf16", same_bits=False, searched=True, channels_last=True),
    Variant("plain again", steps="plain", same_bits=False),
]


def checks(setting: Setting) -> Checks:
    """See the module."""
    methods = METHODS[:1] if setting.small else METHODS
    for method in methods:
        for variant in (PLAIN, OURS) if setting.small else (PLAIN, OURS, PLAIN_TF32, OURS_TF32, OURS_BF16):
            yield f"{method}: {variant.name}", partial(_measured, setting, method, variant)
        if method == "cut":
            yield "cut: work of a step", partial(_work, setting, method)
            yield "cut: waiting for the device", partial(_syncs, setting, method)
            for variant in () if setting.small else MORE:
                yield f"cut: {variant.name}", partial(_measured, setting, method, variant)
    for method in methods[1:]:
        yield f"{method}: work of a step", partial(_work, setting, method)
        yield f"{method}: waiting for the device", partial(_syncs, setting, method)
    # last, since a profiler can leave a process slower than it was
    yield "cut: where the time goes", partial(_profile, setting, "cut")


def _built(setting: Setting, method: str) -> Method:
    return (tiny(method, ngf=4) if setting.small else published(method)).to(setting.device)


def stepping(setting: Setting, name: str, variant: Variant) -> tuple[Method, Callable[[], dict[str, Tensor]]]:
    """A method, and what makes its next step."""
    method = _built(setting, name)
    prepare(setting.device, variant.precision)
    if not variant.same_bits:
        plain_arithmetic(variant.precision)
        torch.backends.cuda.matmul.allow_tf32 = False  # as it is by torch's default
    torch.backends.cudnn.benchmark = variant.searched
    layout = torch.channels_last if variant.channels_last else torch.contiguous_format
    if variant.channels_last:
        method.to(memory_format=layout)  # type: ignore[call-overload]
    if variant.steps == "plain":
        _with_torchs_default(method)
    given = [
        {stream: images.contiguous(memory_format=layout) for stream, images in batch(method, n, setting.device).items()}
        for n in range(BATCHES)
    ]
    step: Callable[[dict[str, Tensor], StepContext], dict[str, Tensor]] = method.training_step
    if variant.steps != "plain":
        own = CapturedStep(method, variant.precision, None if setting.cuda else Pretended(method), lambda line: None)
        if variant.steps == "eager":
            own.recorder = None
        step = own
    numbers = count()

    def following() -> dict[str, Tensor]:
        number = next(numbers)
        return step(given[number % BATCHES], moment(number, 10**6))

    return method, following


def _with_torchs_default(method: Method) -> None:
    """Adam as programs make it that name no kind."""
    for optimizer in method.optimizers().values():
        if isinstance(optimizer, Adam):
            for group in optimizer.param_groups:
                group["fused"] = None


def _measured(setting: Setting, name: str, variant: Variant) -> Values:
    gc.collect()  # optimizers and their schedulers hold each other
    if setting.cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    _, step = stepping(setting, name, variant)
    warm_up = WARM_UP + 2 if setting.small else 24  # a quarter of dual_contrastive's phases comes in every 16th step
    for _ in range(warm_up):
        step()
    setting.wait()
    started = time.perf_counter()
    step()
    setting.wait()
    # whole rounds of 16 steps, so that regularisers have their share
    steps = 1 if setting.small else 16 * max(1, round(0.5 / 16 / max(time.perf_counter() - started, 1e-4)))
    found, launched = [], []
    for _ in range(1 if setting.small else CHUNKS):
        started = time.perf_counter()
        for _ in range(steps):
            step()
        launched.append((time.perf_counter() - started) / steps)
        setting.wait()
        found.append((time.perf_counter() - started) / steps)
        if setting.left < 0:
            break
    values: Values = {
        "ms_per_step": 1000 * statistics.median(found),
        "least_ms": 1000 * min(found),
        "most_ms": 1000 * max(found),
        "host_ms": 1000 * statistics.median(launched),
        "steps": steps * len(found),
    }
    if setting.cuda:
        values["peak_GB"] = torch.cuda.max_memory_reserved() / 1e9
    return values


def _work(setting: Setting, name: str) -> Values:
    """Operations of a step, as torch counts them."""
    _, step = stepping(setting, name, PLAIN)
    step()
    counter = FlopCounterMode(display=False)
    with counter:
        step()
    by_kind: dict[str, float] = {}
    for operation, flops in counter.get_flop_counts().get("Global", {}).items():
        kind = "convolutions" if "conv" in str(operation) else "matrix products"
        by_kind[kind] = by_kind.get(kind, 0.0) + flops / 1e12
    return {"TFLOP": counter.get_total_flops() / 1e12} | {f"TFLOP of {kind}": found for kind, found in by_kind.items()}


def _syncs(setting: Setting, name: str) -> Values:
    """How often the host waits for the device within a logging window, and where."""
    values: Values = {}
    for variant in (Variant("eager", steps="eager"), OURS):
        _, step = stepping(setting, name, variant)
        for _ in range(24 if setting.cuda else WARM_UP + 2):
            step()
        steps = 4
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            if setting.cuda:
                torch.cuda.set_sync_debug_mode("warn")
            try:
                for _ in range(steps):
                    step()
            finally:
                if setting.cuda:
                    torch.cuda.set_sync_debug_mode("default")
        waits = [one for one in warned if "called a synchronizing" in str(one.message)]
        values[variant.name] = len(waits) / steps
        places = sorted({f"{one.filename.rpartition('/')[2]}:{one.lineno}" for one in waits})
        if places:
            values[f"{variant.name}, where"] = places[:8]
    return values | {"ok": values[OURS.name] == 0}


def _profile(setting: Setting, name: str) -> Values:
    """The ten kernels that take the most time of recorded steps."""
    from torch.profiler import ProfilerActivity, profile

    _, step = stepping(setting, name, OURS)
    for _ in range(WARM_UP + 3):
        step()
    setting.wait()
    activities = [ProfilerActivity.CUDA] if setting.cuda else [ProfilerActivity.CPU]
    with profile(activities=activities) as profiler:
        for _ in range(1 if setting.small else 5):
            step()
        setting.wait()
    attribute = "self_device_time_total" if setting.cuda else "self_cpu_time_total"
    times: dict[str, float] = {}
    calls: dict[str, int] = {}
    for event in profiler.key_averages():
        spent = float(getattr(event, attribute))
        if spent > 0:
            times[event.key] = times.get(event.key, 0.0) + spent
            calls[event.key] = calls.get(event.key, 0) + event.count
    total = sum(times.values()) or 1.0
    top = sorted(times, key=lambda key: -times[key])[:10]
    rows: list[dict[str, Any]] = [{"kernel": key[:90], "share": times[key] / total, "calls": calls[key]} for key in top]
    return {"top": rows, "kernels": sum(calls.values()) / (1 if setting.small else 5)}
