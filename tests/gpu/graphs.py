"""Part: a step recorded as a CUDA graph is the eager step, to the bit, for every method and phase."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor

from bench.base.precision import Precision, prepare
from bench.plugin.method import Method
from bench.run.captured_step import CapturedStep, Recorder
from tests.gpu.setting import Checks, Setting, Values
from tests.gpu.workload import METHODS, RIVALS, batch, difference, moment, state, tiny

STEPS = 14  # enough that every phase is met often enough to be recorded, and an epoch ends
PER_EPOCH = 8


class Pretended:
    """Records on the CPU: recording leaves no trace, and what is replayed is the work itself."""

    def __init__(self, method: Method) -> None:
        self.method = method

    def stream(self) -> AbstractContextManager[object]:
        """None is needed."""
        return nullcontext()

    def record(self, work: Any) -> Any:
        """Do the work and undo it, all tensors at their places."""
        before = {name: tensor.detach().clone() for name, tensor in state(self.method).items()}
        work()
        with torch.no_grad():
            for name, tensor in state(self.method).items():
                tensor.copy_(before[name])
        return work


def checks(setting: Setting) -> Checks:
    """See the module."""
    methods = ("fastcut", "sincut, cycle") if setting.small else METHODS + RIVALS
    for method in methods:
        yield f"{method}: recorded equals eager", partial(_equal, setting, method, "fp32")
    for precision in () if setting.small else ("tf32", "bf16"):
        yield f"cut, {precision}: recorded equals eager", partial(_equal, setting, "cut", precision)
    for method in methods:
        yield f"{method}: operations without a deterministic algorithm", partial(_nondeterministic, setting, method)


def train(step: Any, method: Method, device: str, first: int = 0, stop: int = STEPS) -> list[dict[str, Tensor]]:
    """Make steps and end epochs as a run does."""
    losses = []
    for number in range(first, stop):
        losses.append(step(batch(method, number, device), moment(number, PER_EPOCH)))
        if (number + 1) % PER_EPOCH == 0:
            method.end_epoch()
    return losses


def captured(method: Method, setting: Setting, precision: Precision = "fp32") -> CapturedStep:
    """A method's steps, recorded as the device can."""
    recorder: Recorder | None = None if setting.cuda else Pretended(method)
    return CapturedStep(method, precision, recorder, say=lambda line: print(line, flush=True))


def _equal(setting: Setting, name: str, precision: Precision) -> Values:
    prepare(setting.device, precision)
    eager, recorded = (tiny(name).to(setting.device) for _ in range(2))
    step = captured(recorded, setting, precision)
    plain = captured(eager, setting, precision)
    plain.recorder = None
    expected, found = train(plain, eager, setting.device), train(step, recorded, setting.device)
    setting.wait()
    values = difference(state(eager), state(recorded))
    equal = all(
        one.keys() == other.keys() and all(float(one[key]) == float(other[key]) for key in one)
        for one, other in zip(expected, found, strict=True)
    )
    refused = {phase: reason for phase, reason in step.eager.items() if phase not in recorded.eager_phases}
    ok = values["ok"] and equal and bool(step.recorded) and not refused
    return values | {"ok": ok, "losses equal": equal, "recorded": step.recorded, "eager": step.eager}


def nondeterministic(warned: list[warnings.WarningMessage]) -> list[str]:
    """The operations that warnings name as having no deterministic algorithm."""
    texts = (str(warning.message) for warning in warned)
    return sorted({text.split(" ")[0] for text in texts if "does not have a deterministic implementation" in text})


def _nondeterministic(setting: Setting, name: str) -> Values:
    prepare(setting.device, "fp32")
    method = tiny(name).to(setting.device)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        train(method.training_step, method, setting.device, stop=3)
        setting.wait()
    return {"operations": nondeterministic(list(warned))}
