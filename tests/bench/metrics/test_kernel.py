"""The kernel distance against its definition as a double loop."""

import itertools

import numpy as np
import pytest

from bench.base.errors import BenchError
from bench.metrics import kernel
from bench.metrics.kernel import kernel_discrepancy


def by_definition(x, y):
    def k(a, b):
        return (sum(p * q for p, q in zip(a, b, strict=True)) / len(a) + 1) ** 3

    n, m = len(x), len(y)
    within_x = sum(k(x[i], x[j]) for i, j in itertools.permutations(range(n), 2)) / (n * (n - 1))
    within_y = sum(k(y[i], y[j]) for i, j in itertools.permutations(range(m), 2)) / (m * (m - 1))
    return within_x + within_y - 2 * sum(k(a, b) for a in x for b in y) / (n * m)


@pytest.fixture
def features():
    rng = np.random.default_rng(3)
    return rng.standard_normal((7, 4)), rng.standard_normal((5, 4)) + 0.5


def test_value_and_leave_one_out(features, monkeypatch):
    monkeypatch.setattr(kernel, "BLOCK", 3)  # several blocks, the last one not full
    x, y = features
    result = kernel_discrepancy(x, y)
    assert result.value == pytest.approx(by_definition(x, y))
    without_x = [by_definition(np.delete(x, i, 0), y) for i in range(len(x))]
    without_y = [by_definition(x, np.delete(y, j, 0)) for j in range(len(y))]
    assert result.without_x == pytest.approx(np.array(without_x))
    assert result.without_y == pytest.approx(np.array(without_y))


def test_unbiased():
    """Two samples of one distribution: zero on average, at any size; the biased estimate is not."""
    rng = np.random.default_rng(0)
    values = [kernel_discrepancy(rng.standard_normal((10, 8)), rng.standard_normal((10, 8))).value for _ in range(2000)]
    error = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values)) < 4 * error
    assert min(values) < 0


def test_what_cannot_be_compared_is_explained(features):
    x, y = features
    with pytest.raises(BenchError, match="at least 3 images"):
        kernel_discrepancy(x[:2], y)
    with pytest.raises(BenchError, match="4 and 2 dimensions"):
        kernel_discrepancy(x, y[:, :2])
    with pytest.raises(BenchError, match="not finite"):
        kernel_discrepancy(x * np.inf, y)


def test_numbers_of_any_type_are_taken_as_they_are():
    """Bytes would overflow and short floats would round."""
    x, y = np.arange(12).reshape(4, 3) * 20, np.arange(9).reshape(3, 3) * 25
    expected = kernel_discrepancy(x.astype(float), y.astype(float)).value
    for kind in (np.uint8, np.int64, np.float32):
        assert kernel_discrepancy(x.astype(kind), y.astype(kind)).value == expected
    assert kernel_discrepancy(x.tolist(), y.tolist()).value == expected
