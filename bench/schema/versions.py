"""The versions that a number may depend on: provenance of training, of scores and of images that are scored."""

from __future__ import annotations

import platform
from importlib.metadata import version

from bench import __version__


def versions() -> dict[str, str]:
    """Of Python, of contrastbench and of the packages that compute, by name; torch's says what it was built for."""
    import torch

    return {
        "contrastbench": __version__,
        "numpy": version("numpy"),
        "pillow": version("pillow"),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "torchvision": version("torchvision"),
    }
