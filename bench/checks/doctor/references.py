"""The reference numbers that plugins bring (bench/plugin/reference.py), recomputed on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.checks.doctor.finding import NUMBERS_SECTION, Finding, amount, guarded
from bench.plugin.discovery import load_reference, plugins
from bench.plugin.reference import Reference, ReferenceCheck, ReferenceStep, as_numpy, relative_error

if TYPE_CHECKING:
    from torch import Tensor


def reference_findings(devices: Sequence[str] = ()) -> Iterator[Finding]:
    """Recompute every reference on the CPU, and on other devices those that ask for it.

    Args:
        devices: torch's names of the devices beside the CPU: `cuda:0`.
    """
    # a class without `part` belongs to the losses, which come first
    for name in sorted(plugins("reference"), key=lambda name: plugins("reference")[name].literals.get("part", "")):
        yield from guarded(NUMBERS_SECTION, name, lambda name=name: _findings(name, devices))  # type: ignore[misc]


def _findings(name: str, devices: Sequence[str]) -> Iterator[Finding]:
    reference = load_reference(name)()
    every = getattr(reference, "every_device", False)
    for device in ("cpu", *devices) if every else ("cpu",):
        error = reference_error(reference, device)
        fine = error <= reference.tolerance
        line = reference.line(fine, "" if device == "cpu" else f", on {device}")
        yield Finding(NUMBERS_SECTION, reference.part, "ok" if fine else reference.if_wrong, f"{amount(error)}  {line}")


def reference_error(reference: Reference, device: str = "cpu") -> float:
    """How far this machine is from a reference.

    Args:
        reference: a check of numbers, or a step, which is replayed on the CPU.
        device: torch's name of the device.
    """
    if isinstance(reference, ReferenceStep):
        return _step_error(reference)
    assert isinstance(reference, ReferenceCheck)
    return reference.error(reference.numbers(), device)


def _step_error(step: ReferenceStep) -> float:
    """The larger error of the losses of the recorded step and of one network's whole gradient."""
    from bench.checks.replay.recording import read_recording
    from bench.checks.replay.replay import replay

    replayed = replay(step.method, step.config, step.path, steps=1)
    record = read_recording(step.path, replayed.method.networks())
    losses = sorted(key for key in record if "/loss_" in key)
    gradient = sorted(key for key in record if key.startswith(f"grad_step0/{step.network}."))

    def joined(tensors: Mapping[str, Tensor], keys: list[str]) -> np.ndarray:
        return np.concatenate([as_numpy(tensors[key]).ravel() for key in keys])

    return max(relative_error(joined(replayed.tensors, keys), joined(record, keys)) for keys in (losses, gradient))
