"""SSIM against its definition, window by window."""

import numpy as np
import pytest

from bench.base.errors import BenchError
from bench.metrics.ssim import structural_similarity


def by_definition(x, y):
    """Wang et al. 2004, equations 13 to 16, one 11x11 window at a time."""
    offsets = np.arange(-5, 6)
    weights = np.exp(-(offsets[:, None] ** 2 + offsets[None] ** 2) / (2 * 1.5**2))
    weights /= weights.sum()
    values = []
    for channel in range(3):
        for top in range(x.shape[0] - 10):
            for left in range(x.shape[1] - 10):
                a = x[top : top + 11, left : left + 11, channel]
                b = y[top : top + 11, left : left + 11, channel]
                mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
                var_a, var_b = (weights * (a - mean_a) ** 2).sum(), (weights * (b - mean_b) ** 2).sum()
                cov = (weights * (a - mean_a) * (b - mean_b)).sum()
                luminance = (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
                values.append(luminance * (2 * cov + 0.03**2) / (var_a + var_b + 0.03**2))
    return np.mean(values)


def test_equals_the_definition():
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(14, 17, 3))
    y = np.clip(x + 0.2 * rng.standard_normal(x.shape), 0, 1)
    assert structural_similarity(x, y) == pytest.approx(by_definition(x, y), rel=1e-9)


def test_identity_symmetry_and_order():
    rng = np.random.default_rng(1)
    x, noise = rng.uniform(size=(20, 20, 3)), rng.standard_normal((20, 20, 3))
    assert structural_similarity(x, x) == pytest.approx(1)
    assert structural_similarity(x, x + 0.1 * noise) == pytest.approx(structural_similarity(x + 0.1 * noise, x))
    assert structural_similarity(x, x + 0.05 * noise) > structural_similarity(x, x + 0.2 * noise)


def test_constant_images_leave_the_luminance_term():
    black, grey = np.zeros((12, 12, 3)), np.full((12, 12, 3), 0.5)
    assert structural_similarity(black, grey) == pytest.approx(1e-4 / (0.25 + 1e-4))


def test_too_small_is_explained():
    with pytest.raises(BenchError, match="11x11"):
        structural_similarity(np.zeros((10, 40, 3)), np.zeros((10, 40, 3)))
