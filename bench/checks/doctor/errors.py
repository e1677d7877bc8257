"""How far a number of this machine is from the stored one, and how far it may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

Numbers = Mapping[str, np.ndarray]

EXACT = 1e-10  # float64 in another order of summation


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    """|found - expected| / |expected| in the Euclidean norm; infinite if the shapes differ or a number is not finite."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    return float(np.linalg.norm(found - expected) / max(float(np.linalg.norm(expected)), 1e-300))


def amount(error: float) -> str:
    """An error as it is printed, five characters wide."""
    return f"{error:.0e}" if error else "0    "


def as_numpy(tensor: Tensor) -> np.ndarray:
    """A tensor's numbers in float64."""
    return np.asarray(tensor.detach().double().cpu().numpy())
