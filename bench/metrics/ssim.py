"""SSIM: structural similarity of a translated image to its aligned truth."""

from __future__ import annotations

import numpy as np

from bench.base.errors import BenchError
from bench.metrics.aligned import PerImageMetric

# Wang et al. 2004, section III-C
WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03


def structural_similarity(fake: np.ndarray, truth: np.ndarray) -> float:
    """Compute SSIM (Wang, Bovik, Sheikh, Simoncelli, Image Quality Assessment, 2004, eq. 13).

    Gaussian window of 11x11, sigma 1.5, weights summing to 1; only windows that lie within the image; data range 1;
    no downsampling first. The paper defines it on one channel: here it is the mean over R, G and B, as this field's
    papers compute it, not the SSIM of luminance.

    Args:
        fake: (H, W, 3) in [0, 1], H and W at least 11.
        truth: the same shape.

    Returns:
        The mean over windows and channels, at most 1.

    Raises:
        BenchError: if the image is smaller than the window.
    """
    from scipy.ndimage import correlate1d  # reading scores back does without it

    if min(fake.shape[:2]) < WINDOW:
        raise BenchError(f"SSIM needs images of at least {WINDOW}x{WINDOW} pixels, got {fake.shape[:2]}; score larger")
    offsets = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-(offsets**2) / (2 * SIGMA**2))
    weights /= weights.sum()
    inside = slice(WINDOW // 2, -(WINDOW // 2))

    def local_mean(image: np.ndarray) -> np.ndarray:
        return correlate1d(correlate1d(image, weights, axis=0), weights, axis=1)[inside, inside]

    mean_x, mean_y = local_mean(fake), local_mean(truth)
    variance_x = local_mean(fake * fake) - mean_x**2
    variance_y = local_mean(truth * truth) - mean_y**2
    covariance = local_mean(fake * truth) - mean_x * mean_y
    c1, c2 = K1**2, K2**2
    similarity = ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    )
    return float(similarity.mean())


class SSIM(PerImageMetric):
    """Structural similarity to the aligned truth; every image counts the same."""

    name = "SSIM"
    higher_is_better = True
    description = "structural similarity to the aligned truth (Wang et al. 2004), mean over R, G and B"
    revision = 1
    of_pair = staticmethod(structural_similarity)
