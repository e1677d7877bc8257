from collections.abc import Iterator

import numpy as np
import pytest

from bench.checks.doctor import machine, numbers
from bench.checks.doctor.numbers import number_findings


@pytest.fixture
def stored() -> Iterator[dict[str, np.ndarray]]:
    with np.load(numbers.NUMBERS) as arrays:
        yield {key: arrays[key] for key in arrays.files}


def test_every_number_is_right_here() -> None:
    found = list(number_findings())
    assert [finding.mark for finding in found] == ["ok"] * 4, found
    assert {finding.name for finding in found} == {"transforms", "metrics"}


def failing(stored: dict[str, np.ndarray], key: str) -> list[str]:
    """What fails when one stored number is moved in its sixth digit."""
    moved = stored | {key: stored[key] * (1 + 1e-5) if stored[key].dtype.kind == "f" else stored[key] ^ 1}
    wrong = []
    for _, what, tolerance, error_of in numbers._CHECKS:
        if what.startswith("features"):  # the slow one
            continue
        if error_of(moved) > tolerance:
            wrong.append(what.split()[0])
    return wrong


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("frechet/value", "Frechet"),
        ("kernel/value", "Frechet"),
        ("l1/value", "L1"),
        ("ssim/value", "L1"),
        ("quantise/y", "resizing,"),
        ("transform/test_tensor_sha256", "resizing,"),
        ("transform/resized286_sha256", "resizing,"),
    ],
)
def test_each_number_counts(key: str, what: str, stored: dict[str, np.ndarray]) -> None:
    assert failing(stored, key) == [what]


def test_convolution_error_tells_short_floats() -> None:
    assert machine.convolution_error("cpu") < 1e-6
