"""The metrics of manifolds: which share is which, and what their settings change."""

import numpy as np
import pytest

from bench.base.errors import UsageError
from bench.metrics.metric import load_metric

NAMES = ("Precision-EffLite0", "Recall-EffLite0", "Density-EffLite0", "Coverage-EffLite0")


def measured(name, fake, real, **settings):
    metric = load_metric(name)
    value, interval = metric().measure((fake, real), metric.resolve(settings))
    assert interval is None  # images share their neighbours
    return value


def test_images_of_one_of_two_kinds_are_precise_and_leave_the_other_out():
    rng = np.random.default_rng(0)
    real = np.concatenate([rng.standard_normal((40, 2)), 100 + rng.standard_normal((40, 2))])
    fake = rng.standard_normal((40, 2))
    values = {name: measured(name, fake, real) for name in NAMES}
    assert values["Precision-EffLite0"] > 0.8
    assert 0.3 < values["Recall-EffLite0"] < 0.55
    assert values["Density-EffLite0"] > 0.7
    assert 0.3 < values["Coverage-EffLite0"] < 0.55
    swapped = {name: measured(name, real, fake) for name in NAMES}
    assert swapped["Precision-EffLite0"] == values["Recall-EffLite0"]


def test_the_number_of_neighbours_and_the_radius_are_settings():
    real, fake = np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]])
    assert measured("Precision-EffLite0", fake, real, k=1) == 0.5
    assert measured("Precision-EffLite0", fake, real, k=1, radius="outside") == 0.0
    assert measured("Recall-EffLite0", fake, real, k=1) == 0.5
    assert measured("Recall-EffLite0", fake, real, k=1, radius="outside") == 0.0
    assert load_metric("Precision-EffLite0").resolve({}).k == 3
    assert load_metric("Coverage-EffLite0").resolve({}).k == 5
    with pytest.raises(UsageError, match="setting 'k'"):
        load_metric("Density-EffLite0").resolve({"k": 0})
