"""Write the harness's reference numbers anew from the tests' records: `python -m bench.checks.reference.make tests/golden`.

What no official program gives is computed here by loops, independently of bench.metrics.
"""

from __future__ import annotations

import hashlib
import math
import sys
from pathlib import Path

import numpy as np

NUMBERS = Path(__file__).with_name("numbers.npz")

_COPIED = {
    "frechet": (
        "unpaired/frechet_distance.npz",
        {"x": "rank_deficient_x", "y": "rank_deficient_y", "value": "rank_deficient_fid_pytorch_fid"},
    ),
    "quantise": ("unpaired/tensor2im.npz", {"x": "x", "y": "y"}),
    "transform": ("unpaired/preprocess.npz", {"image": "image"}),
}


def collect(golden: Path) -> dict[str, np.ndarray]:
    """Everything in numbers.npz but `efflite0/features`.

    Args:
        golden: tests/golden of the repository.
    """
    numbers: dict[str, np.ndarray] = {}
    for group, (file, names) in _COPIED.items():
        with np.load(golden / file) as arrays:
            numbers |= {f"{group}/{name}": arrays[stored_name] for name, stored_name in names.items()}
    with np.load(golden / "unpaired" / "preprocess.npz") as arrays:
        resized = hashlib.sha256(arrays["resized286"].tobytes()).digest()
        numbers["transform/resized286_sha256"] = np.frombuffer(resized, np.uint8)
        numbers["transform/test_tensor_sha256"] = arrays["test_tensor_sha256"]
    numbers["kernel/value"] = np.array(_kernel_discrepancy(numbers["frechet/x"], numbers["frechet/y"]))
    first, second = crops(numbers["transform/image"])
    numbers["l1/value"] = np.array(
        math.fsum(abs(a - b) for a, b in zip(first.flat, second.flat, strict=True)) / first.size
    )
    numbers["ssim/value"] = np.array(_ssim(first, second))
    return numbers


def crops(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two squares of 24 pixels of an image, in [0, 1], float64."""
    scaled = image.astype(np.float64) / 255
    return scaled[40:64, 100:124], scaled[41:65, 102:126]


def _kernel_discrepancy(x: np.ndarray, y: np.ndarray) -> float:
    def mean(pairs: list[tuple[np.ndarray, np.ndarray]]) -> float:
        return math.fsum((float(a @ b) / len(a) + 1) ** 3 for a, b in pairs) / len(pairs)

    def others(rows: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        return [(a, b) for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j]

    return mean(others(x)) + mean(others(y)) - 2 * mean([(a, b) for a in x for b in y])


def _ssim(first: np.ndarray, second: np.ndarray) -> float:
    weights = np.array([[math.exp(-(i * i + j * j) / (2 * 1.5**2)) for i in range(-5, 6)] for j in range(-5, 6)])
    weights /= weights.sum()
    values = []
    for channel in range(3):
        for top in range(first.shape[0] - 10):
            for left in range(first.shape[1] - 10):
                a, b = (side[top : top + 11, left : left + 11, channel] for side in (first, second))
                mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
                variance_a, variance_b = (weights * (a - mean_a) ** 2).sum(), (weights * (b - mean_b) ** 2).sum()
                covariance = (weights * (a - mean_a) * (b - mean_b)).sum()
                luminance = (2 * mean_a * mean_b + 1e-4) / (mean_a**2 + mean_b**2 + 1e-4)
                values.append(luminance * (2 * covariance + 9e-4) / (variance_a + variance_b + 9e-4))
    return math.fsum(values) / len(values)


def main(golden: Path) -> None:
    """Write the file."""
    from bench.features.efficientnet_lite0 import EfficientNetLite0

    numbers = collect(golden)
    numbers["efflite0/features"] = EfficientNetLite0().features([numbers["transform/image"]])
    np.savez_compressed(NUMBERS, **numbers)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
