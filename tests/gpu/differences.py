"""Part: how far the device's digits are from the CPU's after some steps; stated, not judged."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from bench.base.precision import prepare
from tests.gpu.setting import Checks, Setting, Values
from tests.gpu.workload import batch, difference, moment, tiny

AFTER = (1, 5, 20)


def checks(setting: Setting) -> Checks:
    """See the module."""
    for method in ("cut",) if setting.small else ("cut", "cyclegan", "dual_contrastive"):
        for dtype in (torch.float32, torch.float64):
            yield f"{method}, {str(dtype).removeprefix('torch.')}", partial(_apart, setting, method, dtype)


def _apart(setting: Setting, name: str, dtype: torch.dtype) -> Values:
    prepare(setting.device, "fp32")
    on_cpu, on_device = tiny(name).to(dtype), tiny(name).to(setting.device, dtype)
    values: dict[str, Any] = {}
    for step in range(AFTER[1 if setting.small else 2]):
        losses = [
            method.training_step(batch(method, step, device, dtype), moment(step))
            for method, device in ((on_cpu, "cpu"), (on_device, setting.device))
        ]
        if step + 1 in AFTER:
            pairs = [(float(losses[0][key]), float(losses[1][key])) for key in losses[0]]
            weights = difference(dict(on_cpu.named_parameters()), dict(on_device.named_parameters()))
            values[f"step {step + 1}"] = {
                "losses": max(abs(a - b) / max(abs(a), 1e-30) for a, b in pairs),
                "weights": weights["largest_difference"],
            }
    return values
