from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.base.errors import UsageError
from bench.data.land_cover import CLASS_NAMES
from bench.features.deeplab_coco_stuff import DeepLabCOCOStuff
from bench.metrics.confusions import Segmentation, classes_seen
from bench.metrics.land_share import LandShare
from bench.metrics.metric import score
from bench.metrics.of_shares import share_percent
from bench.metrics.scored_images import ScoredImages
from bench.metrics.zebra_share import ZebraShare
from bench.plugin.discovery import plugins


class Pictures:
    """Images of one grey each; the darkest part of them is what is looked for."""

    def __init__(self, *greys: int) -> None:
        self.arrays = [np.full((8, 8, 3), grey, np.uint8) for grey in greys]
        self.names = [str(i) for i in range(len(greys))]

    def __len__(self) -> int:
        return len(self.arrays)

    def pixels(self, index: int) -> np.ndarray:
        return self.arrays[index]


def scored(tmp_path: Path, **given) -> ScoredImages:
    return ScoredImages(fake=Pictures(0, 100, 200), real=Pictures(5), truth=None, cache=tmp_path, **given)


def test_percent_of_some_classes() -> None:
    shares = np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]])
    assert share_percent(shares, [1]).tolist() == [25.0, 100.0]
    assert share_percent(shares, [0, 2]).tolist() == [75.0, 0.0]


class Zebras(torch.nn.Module):
    """Sees zebra on a share of the image that its brightness gives, and sky on the rest."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        shares = torch.zeros(len(images), 182)
        shares[:, 23] = (images[:, 0].mean((1, 2)) + 104.008) / 255
        shares[:, 18] = 0.01  # a horse or two
        return shares


@pytest.fixture
def zebras(monkeypatch) -> None:
    monkeypatch.setattr(DeepLabCOCOStuff, "network", lambda self: Zebras())


def test_zebras_in_outputs_and_in_training_images(tmp_path, zebras) -> None:
    (found,) = score([("zebra-share", {})], scored(tmp_path, training=Pictures(51, 153)))
    assert found.state == "done"
    assert found.value == pytest.approx(100 * (0 + 100 + 200) / 3 / 255, rel=1e-4)
    assert found.ceiling == pytest.approx(40, rel=1e-4)
    assert found.interval is not None
    assert found.interval.low < found.value < found.interval.high
    (alone,) = score([("zebra-share", {})], scored(tmp_path))
    assert (alone.value, alone.ceiling) == (found.value, None)


def test_without_weights_it_is_not_available(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("TORCH_HOME", raising=False)
    (found,) = score([("zebra-share", {})], scored(tmp_path))
    assert found.state == "not available"
    assert "deeplabv2_resnet101" in found.reason


class Land(torch.nn.Module):
    """Takes dark pixels for water and the others for barren land."""

    labels_of_classes = torch.arange(len(CLASS_NAMES))

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    class config:
        crop_size = 8
        size = staticmethod(lambda side: (side, side))

    def segment(self, images: torch.Tensor) -> torch.Tensor:
        return torch.where(images.mean(1) < 0, 0, CLASS_NAMES.index("barren"))


@pytest.fixture
def land(tmp_path) -> ScoredImages:
    def no_labels():
        raise AssertionError("shares need no label maps")

    segmentation = Segmentation("net", Land, Pictures(5), no_labels)
    return scored(tmp_path, training=Pictures(200, 0, 200, 200), segmentation=segmentation)


def test_land_in_outputs_and_in_training_images(land) -> None:
    (found,) = score([("land-share", {})], land)
    assert (found.value, found.ceiling) == (pytest.approx(100 / 3), pytest.approx(75))
    assert found.interval is not None
    assert found.interval.low == 0
    (both,) = score([("land-share", {"land": ["barren", "water"]})], land)
    assert (both.value, both.ceiling) == (pytest.approx(100), pytest.approx(100))
    (none,) = score([("land-share", {})], replace(land, training=None))
    assert none.ceiling is None


def test_a_picture_is_shown_to_the_network_on_its_own_device() -> None:
    class Elsewhere(Land):
        def segment(self, images: torch.Tensor) -> torch.Tensor:
            assert images.device == self.weight.device
            return torch.ones(1, 8, 8, dtype=torch.long)

    pixels = np.zeros((8, 8, 3), np.uint8)
    assert classes_seen(Elsewhere().to("meta"), pixels).tolist() == [[1] * 8] * 8


def test_land_covers_are_known_by_name() -> None:
    with pytest.raises(UsageError, match="no land cover class named 'desert'"):
        LandShare.resolve({"land": ["desert"]})


def test_a_share_has_no_better_direction() -> None:
    for metric in (LandShare, ZebraShare):
        assert plugins("metric")[metric.name].literals["higher_is_better"] is None


def test_the_network_of_the_protocol_is_in_the_key_of_land_shares_only():
    assert LandShare.uses_segmenter
    assert not ZebraShare.uses_segmenter
