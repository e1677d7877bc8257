"""Precision, recall, density and coverage against records of NVIDIA's program, torch-fidelity and PRDC."""

from pathlib import Path

import numpy as np
import pytest

from bench.base.errors import BenchError
from bench.metrics import neighbours
from bench.metrics.neighbours import density_coverage, precision_recall, radii

GOLDEN = Path(__file__).parents[2] / "golden" / "metrics"


@pytest.fixture(params=[1024, 7], ids=["one block", "several, the last not full"])
def block(request, monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK", request.param)


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("k", [1, 3, 5])
def test_as_nvidias_program_counts(k):
    record = np.load(GOLDEN / "precision_recall.npz")
    fake, real = record["fake"], record["real"]
    assert radii(real, k) == pytest.approx(record[f"k{k}_radii_real"], rel=1e-9)
    assert radii(fake, k) == pytest.approx(record[f"k{k}_radii_fake"], rel=1e-9)
    in_real, in_fake = precision_recall(fake, real, k)
    assert (in_real == record[f"k{k}_pred_fake_in_real"].astype(bool)).all()
    assert (in_fake == record[f"k{k}_pred_real_in_fake"].astype(bool)).all()
    assert in_real.mean() == pytest.approx(float(record[f"k{k}_precision"]), abs=1e-12)
    assert in_fake.mean() == pytest.approx(float(record[f"k{k}_recall"]), abs=1e-12)


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("k", [1, 3, 5])
def test_as_prdc_and_torch_fidelity_count(k):
    record = np.load(GOLDEN / "prdc.npz")
    fake, real = record["fake"], record["real"]
    of = {name: float(record[f"k{k}_{name}"]) for name in ("precision", "recall", "density", "coverage")}
    assert radii(real, k) == pytest.approx(record[f"k{k}_radii_real"], rel=1e-9)
    found = [part.mean() for part in (*precision_recall(fake, real, k, strict=True), *density_coverage(fake, real, k))]
    assert found == pytest.approx(list(of.values()), abs=1e-12)
    theirs = [float(record[f"k{k}_torch_fidelity_{name}"]) for name in ("precision", "recall")]
    assert [part.mean() for part in precision_recall(fake, real, k)] == pytest.approx(
        theirs, abs=1e-7
    )  # in single precision


def test_a_point_at_exactly_the_radius_is_inside_unless_strict():
    real, fake = np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]])  # every radius is 1; 1 and 2 are 1 apart
    assert [list(part) for part in precision_recall(fake, real, 1)] == [[True, False], [False, True]]
    assert not any(part.any() for part in precision_recall(fake, real, 1, strict=True))
    assert not any(part.any() for part in density_coverage(fake, real, 1))


def test_two_equal_images_have_a_radius_of_nothing():
    assert list(radii(np.array([[1.0, 2.0], [1.0, 2.0], [4.0, 6.0]]), 1)) == [0.0, 0.0, 5.0]


def test_what_cannot_be_compared_is_explained():
    points = np.random.default_rng(0).standard_normal((4, 3))
    with pytest.raises(BenchError, match="the 4th neighbour needs at least 5 images a side, got 4"):
        precision_recall(points, points, 4)
    with pytest.raises(BenchError, match="3 and 2 dimensions"):
        density_coverage(points, points[:, :2], 1)
    with pytest.raises(BenchError, match="not finite"):
        radii(points * np.nan, 1)
