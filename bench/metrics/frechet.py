"""The Frechet distance between two sets of features, exactly and fast, and each image's influence on it.

The distance between two Gaussians (Dowson and Landau 1982; Heusel et al. 2017, eq. 6) is
|m1 - m2|^2 + tr(S1) + tr(S2) - 2 tr((S1 S2)^1/2). With X and Y the centred features, S1 = X'X/(n1-1) and
S2 = Y'Y/(n2-1), so the last trace is the sum of the singular values of X Y' / sqrt((n1-1)(n2-1)). That n1 x n2 matrix
is small for a test set; a side with more images than features is first reduced to its triangular factor, which leaves
the singular values as they are. No D x D matrix is squared or rooted, so nothing is lost when S1 S2 is singular.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.base.errors import BenchError


@dataclass(frozen=True)
class Frechet:
    """The distance and how it depends on each image.

    Attributes:
        value: the distance, at least 0.
        influence_x: (n1,) derivative of the distance by the weight of each image of the first set; sums to 0.
        influence_y: (n2,) the same for the second set.
    """

    value: float
    influence_x: np.ndarray
    influence_y: np.ndarray


def frechet_distance(features_x: np.ndarray, features_y: np.ndarray) -> Frechet:
    """Compute the Frechet distance and every image's influence on it, from one decomposition in float64.

    With M = U S V' the scaled cross matrix and A = Y'V S^-1 V'Y the optimal transport from S1 to S2, the derivative of
    tr((S1 S2)^1/2) is tr(A dS1) / 2. Moving weight to image i adds n1 x_i x_i' to S1 (x_i its row of the scaled X),
    and x_i'A x_i is the i-th diagonal entry of U S U'. For the second set it is that of V S V'.

    Args:
        features_x: (n1, D).
        features_y: (n2, D).

    Returns:
        The squared 2-Wasserstein distance of Gaussians with unbiased covariances, which the field calls Frechet
        distance, and its influences.

    Raises:
        BenchError: if a set has fewer than two images, the dimensions differ or a value is not finite.
    """
    x, y = _checked(features_x), _checked(features_y)
    _same_dimension(x, y)
    shift = x.mean(axis=0) - y.mean(axis=0)
    deviations_x, deviations_y = _deviations(x), _deviations(y)
    basis_x, root_x = _orthogonal_triangle(deviations_x)
    basis_y, root_y = _orthogonal_triangle(deviations_y)
    left, singular, right = np.linalg.svd(root_x @ root_y.T, full_matrices=False)

    squares_x, squares_y = np.square(deviations_x).sum(axis=1), np.square(deviations_y).sum(axis=1)
    value = shift @ shift + squares_x.sum() + squares_y.sum() - 2 * singular.sum()
    rows_x = left if basis_x is None else basis_x @ left
    rows_y = right.T if basis_y is None else basis_y @ right.T
    influence_x = 2 * (x @ shift) + len(x) * (squares_x - np.square(rows_x) @ singular)
    influence_y = -2 * (y @ shift) + len(y) * (squares_y - np.square(rows_y) @ singular)
    return Frechet(max(0.0, float(value)), influence_x - influence_x.mean(), influence_y - influence_y.mean())


def _checked(features: np.ndarray) -> np.ndarray:
    array = np.asarray(features, np.float64)
    if array.ndim != 2 or len(array) < 2:
        raise BenchError(f"a Frechet distance needs at least 2 images a side, got features {array.shape}; score more")
    if not np.isfinite(array).all():
        raise BenchError("features are not finite; delete the feature cache and score again")
    return array


def _same_dimension(x: np.ndarray, y: np.ndarray) -> None:
    if x.shape[1] != y.shape[1]:
        raise BenchError(f"features of {x.shape[1]} and {y.shape[1]} dimensions; take both from one extractor")


def _deviations(features: np.ndarray) -> np.ndarray:
    """Centre and scale, so that the result's square is the unbiased covariance."""
    return (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)


def _orthogonal_triangle(deviations: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
    """A matrix with the same square and at most D rows, and the factor that leads back to the images, if it was reduced."""
    if deviations.shape[0] <= deviations.shape[1]:
        return None, deviations
    return np.linalg.qr(deviations, mode="reduced")
