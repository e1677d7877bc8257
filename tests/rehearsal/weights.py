"""Random weights in the layouts of the official files, under names and hashes of their own.

The official files are told by the sha256 that their names carry, and no other file is taken for one: that is the design.
So the made-up networks (tests/rehearsal/paper.py) are plugins of their own, each of which names its made-up file and the
hash that this script found for it, and are looked for where a user's own weights are: in $CONTRASTBENCH_WEIGHTS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from bench.base.hashing import file_sha256

if TYPE_CHECKING:
    from torch import Tensor

State = dict[str, "Tensor"]


def _inception() -> State:
    """pytorch-fid's file: its network's own state, 1008 classes included."""
    from bench.features.fid_inception import build_inception

    return dict(build_inception().state_dict())


def _drn() -> State:
    """fyu/drn's file: the base as layer0 to layer8, and the ImageNet classifier `fc`, a convolution."""
    import torch

    from methods.networks.drn import DRN

    base = DRN(19).base.state_dict()
    classifier = {"fc.weight": torch.randn(1000, 512, 1, 1) * 0.01, "fc.bias": torch.zeros(1000)}
    return {f"layer{name}": value for name, value in base.items()} | classifier


def _vgg16() -> State:
    """torchvision's file: features and the three layers of the classifier."""
    from torchvision.models import vgg16

    return dict(vgg16(weights=None).state_dict())


LAYOUTS: dict[str, tuple[str, Callable[[], State]]] = {
    "INCEPTION": ("made-up-inception.pth", _inception),
    "DRN_D_22": ("made-up-drn_d_22.pth", _drn),
    "VGG16": ("made-up-vgg16.pth", _vgg16),
}


def write_weights(folder: Path, names: Iterable[str], say: Callable[[str], None]) -> dict[str, str]:
    """Write what is missing of the layouts of these names.

    Returns:
        Name of the layout -> sha256 of its file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file, make in map(LAYOUTS.__getitem__, names):
        if (path := folder / file).is_file():
            continue
        import torch

        say(f"making {file}")
        torch.manual_seed(0)
        torch.save(make(), temporary := path.with_suffix(".tmp"))
        temporary.replace(path)
    return {name: file_sha256(folder / file) for name, (file, _) in LAYOUTS.items() if (folder / file).is_file()}
