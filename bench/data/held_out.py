"""Which images are kept from training where a user's folders do not say: a share, chosen by the content of the files.

Every file gets a number in [0, 1) from the seed and the sha256 of its bytes. Below `test` it is a test image, in the next
stretch of length `validation` a validation image, above both it trains. So an image stays in its split whatever is added,
removed or renamed beside it, and two equal files are in the same one. Only small sets depart from that, by as few images as
they can, in the order of the numbers: each share is at least three images, which kernel distances need, and both together
are never more than half.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.base.errors import BenchError
from bench.base.hashing import file_sha256
from bench.base.words import shown_path

LEAST = 3  # images of a share


def contents(paths: Sequence[Path]) -> np.ndarray:
    """The sha256 of each file: uint8 (files, 32).

    Raises:
        BenchError: if one cannot be read.
    """
    digests = np.empty((len(paths), 32), dtype=np.uint8)
    for row, path in zip(digests, paths, strict=True):
        try:
            row[:] = np.frombuffer(bytes.fromhex(file_sha256(path)), dtype=np.uint8)
        except OSError as error:
            raise BenchError(f"{shown_path(path)}: cannot be read ({error.strerror}); mend or remove it") from error
    return digests


def numbers(digests: np.ndarray, seed: int) -> list[float]:
    """A number in [0, 1) for each file.

    Args:
        digests: from `contents`.
        seed: another one gives other numbers.
    """
    hashes = (hashlib.sha256(f"{seed} ".encode() + digest.tobytes()).digest() for digest in digests)
    return [int.from_bytes(digest[:8], "big") / 2**64 for digest in hashes]


def share_out(values: Sequence[float], test: float, validation: float) -> dict[str, list[int]]:
    """Which images are in which split, each list in the images' own order.

    Args:
        values: from `numbers`.
        test: share of test images; 0: none.
        validation: share of validation images; 0: none.

    Raises:
        BenchError: if there are too few images to hold some out.
    """
    shares = {name: share for name, share in (("test", test), ("validation", validation)) if share}
    fewest = 2 * LEAST * len(shares)
    if len(values) < fewest:
        raise BenchError(f"{len(values)} images are too few to hold some out; {fewest} are enough")
    order = sorted(range(len(values)), key=lambda i: (values[i], i))
    chosen: dict[str, list[int]] = {"test": [], "validation": []}
    first, border, left = 0, 0.0, len(shares)
    for name, share in shares.items():
        border, left = border + share, left - 1
        within = sum(value < border for value in values) - first
        most = len(values) // 2 - first - LEAST * left  # leaves the others theirs
        count = min(max(within, LEAST), most)
        chosen[name] = sorted(order[first : first + count])
        first += count
    return {"train": sorted(order[first:]), **chosen}
