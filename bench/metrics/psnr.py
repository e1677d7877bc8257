"""PSNR: the peak signal-to-noise ratio of a translated image and its aligned truth."""

from __future__ import annotations

import numpy as np

from bench.metrics.aligned import PerImageMetric

SMALLEST = (
    1 / 255**2 / 100
)  # a mean squared error far below what one grey level of 8 bits makes; equal images stay finite


def peak_signal_to_noise(fake: np.ndarray, truth: np.ndarray) -> float:
    """10 log10(1 / mean squared error) in decibels, for images (H, W, 3) in [0, 1]; equal ones get 68.13 dB."""
    return float(-10 * np.log10(max(float(np.mean(np.square(fake - truth))), SMALLEST)))


class PSNR(PerImageMetric):
    """Mean over images of each one's peak signal-to-noise ratio; every image counts the same."""

    name = "PSNR"
    higher_is_better = True
    description = "peak signal-to-noise ratio to the aligned truth in dB, mean over images; all channels together"
    revision = 1
    of_pair = staticmethod(peak_signal_to_noise)
