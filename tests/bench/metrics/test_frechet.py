"""The Frechet distance against reference records, other formulas, analytic cases and invariances."""

from pathlib import Path

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.base.errors import BenchError
from bench.metrics.frechet import frechet_distance

GOLDEN = Path(__file__).parents[2] / "golden"


def symmetrised(x, y):
    """|m1-m2|^2 + tr(S1 + S2 - 2 (S1^1/2 S2 S1^1/2)^1/2) by eigen-decomposition."""
    s1, s2 = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    values, vectors = np.linalg.eigh(s1)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    middle = np.sqrt(np.clip(np.linalg.eigvalsh(root @ s2 @ root), 0, None)).sum()
    shift = x.mean(0) - y.mean(0)
    return shift @ shift + np.trace(s1) + np.trace(s2) - 2 * middle


def distance(x, y):
    return frechet_distance(x, y).value


def test_pytorch_fid_record_of_full_rank():
    record = np.load(GOLDEN / "unpaired" / "frechet_distance.npz")
    value = distance(record["full_rank_x"], record["full_rank_y"])
    assert value == pytest.approx(record["full_rank_fid_pytorch_fid"].item(), rel=1e-11)
    assert value == pytest.approx(record["full_rank_fid_eigh"].item(), rel=1e-11)


def test_pytorch_fid_record_of_deficient_rank():
    """Where the covariances are singular, rooting their product loses half the digits; singular values lose none."""
    record = np.load(GOLDEN / "unpaired" / "frechet_distance.npz")
    value = distance(record["rank_deficient_x"], record["rank_deficient_y"])
    assert value == pytest.approx(7.01483487792571079, rel=1e-14)  # by mpmath with 40 digits
    assert value == pytest.approx(record["rank_deficient_fid_pytorch_fid"].item(), rel=1e-7)
    assert value == pytest.approx(record["rank_deficient_fid_eigh"].item(), rel=1e-7)


def test_stylegan2_record():
    record = np.load(GOLDEN / "stylegan2" / "fid.npz")
    assert distance(record["x"], record["y"]) == pytest.approx(record["fid"].item(), rel=1e-11)


@pytest.mark.skipif(
    tuple(map(int, scipy.__version__.split(".")[:2])) >= (1, 18),
    reason="pytorch-fid 0.3.0 calls scipy.linalg.sqrtm(disp=...), which scipy 1.18 removed",
)
@pytest.mark.filterwarnings("ignore:The `disp` argument is deprecated")
@pytest.mark.parametrize(("n1", "n2", "d"), [(60, 70, 24), (300, 20, 32), (24, 30, 48), (20, 100, 48)])
def test_equals_pytorch_fids_own_function(n1, n2, d):
    from pytorch_fid.fid_score import calculate_frechet_distance

    rng = np.random.default_rng(n1)
    x, y = rng.standard_normal((n1, d)), rng.standard_normal((n2, d)) @ rng.standard_normal((d, d)) + 0.3
    theirs = calculate_frechet_distance(x.mean(0), np.cov(x, rowvar=False), y.mean(0), np.cov(y, rowvar=False))
    assert distance(x, y) == pytest.approx(theirs, rel=1e-6)


def test_equal_covariances_leave_the_distance_of_the_means():
    x = np.random.default_rng(0).standard_normal((50, 10))
    shift = np.arange(10.0)
    assert distance(x, x + shift) == pytest.approx(shift @ shift)


def test_one_dimension_is_the_distance_of_means_and_deviations():
    x, y = np.random.default_rng(0).standard_normal((40, 1)) * 3, np.random.default_rng(1).standard_normal((30, 1)) + 2
    expected = (x.mean() - y.mean()) ** 2 + (x.std(ddof=1) - y.std(ddof=1)) ** 2
    assert distance(x, y) == pytest.approx(expected)


def test_scaling_of_a_set():
    """S2 = c^2 S1: tr(S1) (1 - c)^2."""
    x = np.random.default_rng(0).standard_normal((30, 80))
    x -= x.mean(0)
    assert distance(x, 3 * x) == pytest.approx(4 * np.trace(np.cov(x, rowvar=False)))


shapes = st.tuples(st.integers(2, 30), st.integers(2, 30), st.integers(1, 20), st.integers(0, 2**31))


def sets(shape):
    n1, n2, d, seed = shape
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n1, d)) * rng.uniform(0.1, 3, d), rng.standard_normal((n2, d)) + rng.uniform(-1, 1, d)


@settings(max_examples=60, deadline=None)
@given(shapes)
def test_properties(shape):
    x, y = sets(shape)
    value = distance(x, y)
    rng = np.random.default_rng(shape[-1])
    scale = np.trace(np.atleast_2d(np.cov(x, rowvar=False))) + np.trace(np.atleast_2d(np.cov(y, rowvar=False)))
    close = {"rel": 1e-9, "abs": 1e-9 * scale}
    assert value >= 0
    assert distance(x, x) == pytest.approx(0, abs=1e-12 * len(x) * scale)
    assert distance(y, x) == pytest.approx(value, **close)
    assert distance(rng.permutation(x), rng.permutation(y)) == pytest.approx(value, **close)
    rotation = np.linalg.qr(rng.standard_normal((x.shape[1],) * 2))[0]
    assert distance(x @ rotation + 5, y @ rotation + 5) == pytest.approx(value, **close)
    if x.shape[1] > 1:  # eigenvalues are squared singular values: half the digits
        assert value == pytest.approx(symmetrised(x, y), rel=1e-5, abs=1e-6 * scale)


def weighted(x, p, y):
    """The distance where image i of x has weight p[i] and the covariance's correction n / (n - 1) stays."""
    mean = p @ x
    s1 = (x - mean).T @ ((x - mean) * p[:, None]) * len(x) / (len(x) - 1)
    s2 = np.cov(y, rowvar=False)
    values, vectors = np.linalg.eigh(s2)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    squares = np.linalg.eigvalsh(root @ s1 @ root)
    # where the rank is less than d, what stands for 0 is rounding of 1e-15, whose root would be noise of 1e-7
    middle = np.sqrt(squares[squares > 1e-10 * squares.max()]).sum()
    shift = mean - y.mean(0)
    return shift @ shift + np.trace(s1) + np.trace(s2) - 2 * middle


@pytest.mark.parametrize(("n1", "n2", "d"), [(12, 15, 5), (40, 9, 12), (9, 40, 12)])
def test_influence_is_the_derivative_by_an_images_weight(n1, n2, d):
    rng = np.random.default_rng(d)
    x, y = rng.standard_normal((n1, d)) * 2 + 1, rng.standard_normal((n2, d))
    result = frechet_distance(x, y)
    for one, other, influence in ((x, y, result.influence_x), (y, x, result.influence_y)):
        assert influence.shape == (len(one),)
        assert influence.sum() == pytest.approx(0, abs=1e-9)
        for i in range(0, len(one), 3):
            towards, step = np.eye(len(one))[i] - 1 / len(one), 1e-4
            up, down = (weighted(one, 1 / len(one) + s * towards, other) for s in (step, -step))
            assert influence[i] == pytest.approx((up - down) / (2 * step), rel=1e-4, abs=1e-3)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (np.zeros((1, 3)), np.zeros((5, 3)), "at least 2 images"),
        (np.zeros((5, 3)), np.zeros((5, 4)), "3 and 4 dimensions"),
        (np.full((5, 3), np.nan), np.zeros((5, 3)), "not finite"),
    ],
)
def test_what_cannot_be_compared_is_explained(x, y, words):
    with pytest.raises(BenchError, match=words):
        frechet_distance(x, y)
