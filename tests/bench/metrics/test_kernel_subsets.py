"""KID over random subsets against records of torch-fidelity and clean-fid."""

from pathlib import Path

import numpy as np
import pytest

from bench.base.errors import BenchError
from bench.metrics.kernel_subsets import subset_distances
from bench.metrics.kid import KID

RECORD = Path(__file__).parents[2] / "golden" / "metrics" / "kid.npz"


@pytest.fixture
def record():
    return np.load(RECORD)


def test_as_torch_fidelity(record):
    subsets, size = int(record["subsets"]), int(record["subset_size"])
    found = subset_distances(record["fake"], record["real"], "torch-fidelity", subsets, size)
    assert found == pytest.approx(record["kid_torch_fidelity_per_subset"], abs=1e-14)
    assert found.mean() == pytest.approx(float(record["kid_torch_fidelity_mean"]), abs=1e-14)
    assert found.std() == pytest.approx(float(record["kid_torch_fidelity_std"]), abs=1e-14)


def test_as_clean_fid(record):
    subsets, size = int(record["subsets"]), int(record["subset_size"])
    found = subset_distances(record["fake"], record["real"], "clean-fid", subsets, size, seed=500)
    assert found.mean() == pytest.approx(float(record["kid_cleanfid"]), abs=1e-14)


def test_sets_smaller_than_a_subset_are_refused_or_taken_whole(record):
    fake, real = record["fake"], record["real"]
    with pytest.raises(BenchError, match="needs 1000 images a side"):
        subset_distances(fake, real, "torch-fidelity")
    whole = subset_distances(real, real, "clean-fid", subsets=2)
    assert whole == pytest.approx(subset_distances(real, real, "clean-fid", subsets=2, size=len(real)))
    with pytest.raises(BenchError, match="at least 2 images"):
        subset_distances(fake[:1], real, "clean-fid")


def test_the_metric_compares_all_images_unless_a_dialect_is_named(record):
    inputs = record["fake"], record["real"]
    value, interval = KID().measure(inputs, KID.resolve({}))
    assert interval.low < value < interval.high
    settings = KID.resolve(
        {"dialect": "torch-fidelity", "subsets": int(record["subsets"]), "subset_size": int(record["subset_size"])}
    )
    value, interval = KID().measure(inputs, settings)
    assert (value, interval) == (pytest.approx(float(record["kid_torch_fidelity_mean"]), abs=1e-14), None)
