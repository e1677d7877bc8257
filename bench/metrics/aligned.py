"""Translated images next to their aligned truth, for the metrics that compare pixels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.base.errors import BenchError
from bench.metrics.metric import ScoredImages


def pairs(images: ScoredImages) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Go through the translated images and their truth, one pair in memory at a time.

    Args:
        images: what to score.

    Yields:
        fake and truth, float64 (H, W, 3) in [0, 1].

    Raises:
        NotAvailable: if there is no aligned truth.
        BenchError: if the sets or two images differ in size.
    """
    truth = images.aligned()
    for index, name in enumerate(images.fake.names):
        fake, real = images.fake.pixels(index), truth.pixels(index)
        if fake.shape != real.shape:
            raise BenchError(f"'{name}' is {fake.shape[:2]} pixels, its truth {real.shape[:2]}; make both of one size")
        yield fake / 255.0, real / 255.0
