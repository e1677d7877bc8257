"""What `contrastbench doctor` recomputes of methods: stored reference numbers, each checked by a plugin of kind `reference`.

A package brings its own with an entry point of the group `contrastbench.references`; the built-in ones are in
`methods/references`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from bench.base.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

Numbers = Mapping[str, np.ndarray]

EXACT = 1e-10  # float64 in another order of summation
SINGLE = 1e-6  # a reference that was rounded to float32


class Reference:
    """What both kinds of reference have.

    Attributes:
        name: unique among references; a literal.
        part: the first column of the doctor's line (`losses`, `training step`), by which lines are grouped; a literal.
        what: what is compared, as the doctor prints it; a literal.
        tolerance: the largest error that is fine.
        file: where the numbers are, beside the source file of the class.
        way_out: what to do where the error is larger.
        if_wrong: how such a line is marked.
    """

    name: ClassVar[str] = ""
    part: ClassVar[str] = "losses"
    what: ClassVar[str] = ""
    tolerance: ClassVar[float] = EXACT
    file: ClassVar[str] = "numbers.npz"
    way_out: ClassVar[str] = "do not trust results of this installation; reinstall torch"
    if_wrong: ClassVar[Literal["FAIL", "note"]] = "FAIL"

    @property
    def path(self) -> Path:
        """The file of numbers.

        Raises:
            UsageError: if it is not there.
        """
        path = Path(inspect.getfile(type(self))).with_name(self.file)
        if not path.is_file():
            raise UsageError(
                f"{path}: no such file; reference '{self.name}' has its numbers there, reinstall its package"
            )
        return path

    def line(self, fine: bool, where: str = "") -> str:
        """What the doctor prints behind the error.

        Args:
            fine: whether the error is within the tolerance.
            where: empty for the CPU, else `, on cuda:0`.
        """
        return f"{self.what}{where}" if fine else f"{self.what}{where}, more than {self.tolerance:g}: {self.way_out}"


class ReferenceCheck(Reference):
    """Numbers that one function of the file's arrays recomputes: a loss and its gradient, say.

    Attributes:
        every_device: recomputed on each CUDA device too, where kernels may be wrong silently.
    """

    every_device: ClassVar[bool] = False

    def numbers(self) -> Numbers:
        """The arrays of the file."""
        with np.load(self.path, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}

    def error(self, numbers: Numbers, device: str = "cpu") -> float:
        """How far what this machine computes is from the stored numbers.

        Args:
            numbers: of the file.
            device: torch's name of the device to compute on.

        Returns:
            The largest of the relative errors (`relative_error`).
        """
        raise NotImplementedError(f"{type(self).__name__} must define error(numbers, device)")


class ReferenceStep(Reference):
    """A recorded training step (docs/replay.md) that the doctor replays: its losses and one network's whole gradient.

    Attributes:
        method: its name.
        config: what differs from the method's own defaults.
        network: whose gradient is compared, by its name in records.
    """

    method: ClassVar[str] = ""
    config: ClassVar[dict[str, Any]] = {}
    network: ClassVar[str] = "G"


def relative_error(actual: np.ndarray, expected: np.ndarray) -> float:
    """|found - expected| / |expected| in the Euclidean norm; infinite if the shapes differ or a number is not finite."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    if actual.shape != expected.shape or not np.isfinite(actual).all():
        return float("inf")
    return float(np.linalg.norm(actual - expected) / max(float(np.linalg.norm(expected)), 1e-300))


def as_numpy(tensor: Tensor) -> np.ndarray:
    """A tensor's numbers in float64."""
    return np.asarray(tensor.detach().double().cpu().numpy())


def largest_error(numbers: Numbers, computed: Mapping[str, Tensor]) -> float:
    """The largest relative error of what was computed, by the names of the stored numbers."""
    return max(relative_error(as_numpy(tensor), numbers[name]) for name, tensor in computed.items())


def gradient_of(leaf: Tensor) -> Tensor:
    """The gradient that a backward pass left at a leaf."""
    assert leaf.grad is not None
    return leaf.grad
