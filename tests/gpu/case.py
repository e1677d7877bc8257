"""A record of tests/golden on a device in one precision, and how far a computation is from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

GOLDEN = Path(__file__).parents[1] / "golden"
# relative to the largest entry
TOLERANCE = {torch.float64: 1e-8, torch.float32: 2e-4}


def read(name: str) -> dict[str, Tensor]:
    """A record's arrays on the CPU, real ones in double precision."""
    path = GOLDEN / name
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return {key: _double(value) for key, value in load_file(path).items()}
    with np.load(path) as arrays:
        return {key: _double(torch.from_numpy(arrays[key])) for key in arrays.files}


def _double(value: Tensor) -> Tensor:
    return value.double() if value.is_floating_point() else value


class Case:
    """A record, and the errors found.

    Args:
        arrays: the record, in double precision on the CPU.
        device: where computations happen.
        dtype: their precision.

    Attributes:
        errors: by name, the largest difference relative to the largest entry of what was recorded.
    """

    def __init__(self, arrays: Mapping[str, Tensor], device: str, dtype: torch.dtype) -> None:
        self.arrays, self.device, self.dtype = arrays, device, dtype
        self.errors: dict[str, float] = {}

    def __getitem__(self, name: str) -> Tensor:
        """An array on the device; real ones in the case's precision."""
        return self.to(self.arrays[name])

    def to(self, value: Tensor) -> Tensor:
        """On the device, in the case's precision."""
        return value.to(self.device, self.dtype if value.is_floating_point() else value.dtype)

    def leaf(self, name: str) -> Tensor:
        """An array that gradients are taken of."""
        return self[name].requires_grad_()

    def number(self, name: str) -> float:
        """A single value."""
        return float(self.arrays[name])

    def built(self, network: torch.nn.Module) -> torch.nn.Module:
        """A network on the device, in the case's precision."""
        return network.to(self.device, self.dtype)

    def compare(self, found: Tensor, recorded: str | Tensor, name: str = "") -> None:
        """Note how far one tensor is from what was recorded of it, whatever its shape is written as."""
        expected = self.arrays[recorded] if isinstance(recorded, str) else recorded.detach().cpu()
        label = name or (recorded if isinstance(recorded, str) else f"value {len(self.errors)}")
        self.errors[label] = error(found, expected.double(), expected.double().abs().max())

    def compare_all(self, pairs: Iterable[tuple[Tensor | None, Tensor]], name: str) -> None:
        """Note how far gradients of one network are, relative to the largest entry of any of them.

        Those of biases in front of a normalisation are zero but for rounding, and have no relative error of their own.
        """
        both = [(torch.zeros_like(expected) if found is None else found, expected) for found, expected in pairs]
        largest = torch.stack([expected.double().abs().max() for _, expected in both]).max()
        self.errors[name] = max(error(found, expected.double(), largest) for found, expected in both)

    @property
    def worst(self) -> tuple[str, float]:
        """Where the largest error is, and how large."""
        name = max(self.errors, key=lambda key: self.errors[key])
        return name, self.errors[name]


def error(found: Tensor, expected: Tensor, largest: Tensor) -> float:
    """The largest difference relative to `largest`; infinite where sizes differ or something is not a number."""
    if found.numel() != expected.numel():
        return float("inf")
    difference = (found.detach().double().cpu().reshape(expected.shape) - expected).abs().max()
    value = float(difference / largest.clamp_min(1e-30))
    return value if value == value else float("inf")


Check = Callable[[Case], None]
