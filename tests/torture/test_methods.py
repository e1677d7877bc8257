"""Official files in the layouts of the networks that methods start from."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor
from trials import REFUSED, Trials, outcome

from bench.base.hashing import file_sha256
from bench.base.weight_files import WeightFile
from methods.networks.drn import DRN
from methods.networks.efficientnet_lite0_features import EfficientNetLite0Features
from methods.networks.resnet50_features import ResNet50Features
from methods.networks.vgg19_features import VGG19Features

Take = Callable[[Mapping[str, Tensor]], None]


def drn() -> tuple[Take, dict[str, Tensor]]:
    network = DRN(3, "drn-d-22", 1 / 16)
    return network.load_imagenet, {f"layer{name}": value for name, value in network.base.state_dict().items()}


def vgg19() -> tuple[Take, dict[str, Tensor]]:
    network = VGG19Features()
    return network.load_official, dict(network.state_dict())


def resnet50() -> tuple[Take, dict[str, Tensor]]:
    network = ResNet50Features()
    renamed = {
        name.replace("stem.0.", "conv1.").replace("stem.1.", "bn1."): value
        for name, value in network.state_dict().items()
    }
    return network.load_official, renamed


def efficientnet() -> tuple[Take, dict[str, Tensor]]:
    network = EfficientNetLite0Features()
    return network.load_official, dict(network.state_dict())


@pytest.mark.parametrize("make", [drn, efficientnet])
def test_official_layouts(trials: Trials, make: Callable[[], tuple[Take, dict[str, Tensor]]]) -> None:
    take, whole = make()
    path = trials.folder / "weights.pth"
    names = st.sampled_from(sorted(whole)) | st.sampled_from(["fc.weight", "layer9.0.weight", "", "a.b"])
    odd = st.sampled_from(
        [
            None,
            torch.zeros(1),
            torch.zeros(()),
            torch.full((3,), float("inf")),
            torch.zeros(2, dtype=torch.int8),
            "text",
            b"",
        ]
    )

    def check(changes: dict[str, object]) -> None:
        torch.save({name: value for name, value in (whole | changes).items() if value != "text"}, path)
        file = WeightFile(name=path.name, sha256=file_sha256(path), purpose="FID", origin="example.org")
        found = outcome(lambda path: file.load(path.parent, take), path, names_file=True)
        trials.counts["refused" if found is REFUSED else "taken"] += 1

    trials.try_all(st.dictionaries(names, odd, max_size=2), check, 0.1)
