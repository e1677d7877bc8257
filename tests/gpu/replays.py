"""Part: every record of tests/golden on the device, in double and in single precision, and torch's own instance norm."""

from __future__ import annotations

from functools import partial

import torch

from bench.base.precision import prepare
from methods.references.instance_norm import InstanceNormReference, TorchNormReference
from tests.gpu import covered, steps
from tests.gpu.case import TOLERANCE, Case, read
from tests.gpu.setting import Checks, Setting, Values
from tests.gpu.stylegan2_records import CHECKS  # with those of records.py

NAMES = {torch.float64: "float64", torch.float32: "float32"}


def checks(setting: Setting) -> Checks:
    """See the module."""
    prepare(setting.device, "fp32")  # torch's default on recent cards is tf32
    yield "instance norm of this project, gradient channels-last at batch 1", partial(_norm, setting.device, ours=True)
    yield "torch's own instance norm, likewise", partial(_norm, setting.device, ours=False)
    for dtype, name in NAMES.items():
        for recorded in steps.RECORDED:
            if not setting.small or dtype == torch.float64 or recorded in ("cut", "cyclegan"):
                yield f"step of {recorded}, {name}", partial(steps.compare, recorded, setting.device, dtype)
        for record in CHECKS:
            yield f"{record}, {name}", partial(_record, record, setting.device, dtype)
    for record, reason in covered.ON_THE_HOST.items():
        yield record, partial(dict, note=f"not of the device: {reason}")
    for record, whole in (covered.STEPS | covered.PARTS).items():
        yield record, partial(dict, note=f"part of: {whole}")


def _norm(device: str, ours: bool) -> Values:
    reference = InstanceNormReference() if ours else TorchNormReference()
    found = reference.error({}, device)
    values = {"error": found} | ({"torch on the CPU": TorchNormReference().error({}, "cpu")} if not ours else {})
    return values | ({"ok": found < 1e-8} if ours else {"note": "right" if found < 1e-8 else "WRONG; it is not used"})


def _record(name: str, device: str, dtype: torch.dtype) -> Values:
    case = Case(read(name), device, dtype)
    CHECKS[name](case)
    where, largest = case.worst
    return {"ok": largest <= TOLERANCE[dtype], "compared": len(case.errors), "error": largest, "where": where}
