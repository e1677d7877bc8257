"""Transforms and metrics of this machine against the stored reference numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import numpy as np

from bench.base.errors import NotAvailable
from bench.checks.doctor.finding import NUMBERS_SECTION, Finding, amount
from bench.checks.reference.make import NUMBERS, crops
from bench.plugin.reference import EXACT, Numbers, relative_error

# float32 through a network of 50 layers: kernels of other machines differ in the last digits
NETWORK = 1e-3


def number_findings() -> Iterator[Finding]:
    """Recompute the harness's own reference numbers on the CPU."""
    with np.load(NUMBERS) as arrays:
        numbers = {key: arrays[key] for key in arrays.files}
    for name, description, tolerance, error_of in _CHECKS:
        try:
            error = error_of(numbers)
        except NotAvailable as missing:
            yield Finding(NUMBERS_SECTION, name, "none", str(missing))
            continue
        fine = error <= tolerance
        way_out = (
            "" if fine else f", more than {tolerance:g}: do not trust results of this installation; reinstall torch"
        )
        yield Finding(NUMBERS_SECTION, name, "ok" if fine else "FAIL", f"{amount(error)}  {description}{way_out}")


def _transforms(numbers: Numbers) -> float:
    """0 if every bit is right, else 1."""
    from PIL import Image

    from bench.data.transforms import quantise, resize, test_transform

    image = Image.fromarray(numbers["transform/image"])
    hashes = {"resized286": resize(image, 286).tobytes(), "test_tensor": test_transform(image, 256).numpy().tobytes()}
    matches = [
        hashlib.sha256(content).digest() == numbers[f"transform/{name}_sha256"].tobytes()
        for name, content in hashes.items()
    ]
    import torch

    matches.append(np.array_equal(quantise(torch.tensor(numbers["quantise/x"]))[0], numbers["quantise/y"]))
    return float(not all(matches))


def _distances(numbers: Numbers) -> float:
    from bench.metrics.frechet import frechet_distance
    from bench.metrics.kernel import kernel_discrepancy

    x, y = numbers["frechet/x"], numbers["frechet/y"]
    return max(
        relative_error(np.array([frechet_distance(x, y).value]), numbers["frechet/value"]),
        relative_error(np.array(kernel_discrepancy(x, y).value), numbers["kernel/value"]),
    )


def _pixels(numbers: Numbers) -> float:
    from bench.metrics.l1 import mean_absolute_difference
    from bench.metrics.ssim import structural_similarity

    first, second = crops(numbers["transform/image"])
    return max(
        relative_error(np.array(mean_absolute_difference(first, second)), numbers["l1/value"]),
        relative_error(np.array(structural_similarity(first, second)), numbers["ssim/value"]),
    )


def _features(numbers: Numbers) -> float:
    from bench.features.efficientnet_lite0 import EfficientNetLite0

    return relative_error(EfficientNetLite0().features([numbers["transform/image"]]), numbers["efflite0/features"])


_CHECKS: tuple[tuple[str, str, float, Callable[[Numbers], float]], ...] = (
    ("transforms", "resizing, test tensor and bytes of images (0: every bit)", 0.0, _transforms),
    # pytorch-fid's matrix root and our singular values differ by this much where covariances are singular
    ("metrics", "Frechet and kernel distance", 1e-7, _distances),
    ("metrics", "L1 and SSIM", EXACT, _pixels),
    ("metrics", "features of EfficientNet-lite0", NETWORK, _features),
)
