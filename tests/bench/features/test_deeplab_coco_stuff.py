from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bench.base.errors import BenchError, NotAvailable
from bench.base.weight_files import WEIGHTS_VARIABLE
from bench.features import deeplab_v2
from bench.features.deeplab_coco_stuff import WEIGHTS, DeepLabCOCOStuff
from bench.features.deeplab_v2 import ClassShares, DeepLabV2


@pytest.fixture
def bare(monkeypatch, tmp_path) -> None:
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    for variable in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))


@pytest.fixture
def thin(monkeypatch) -> DeepLabV2:
    """The network that the extractor builds, four channels wide."""

    def build(classes: int = 182) -> DeepLabV2:
        return DeepLabV2(classes, blocks=(1, 1, 1, 1), width=4)

    monkeypatch.setattr(deeplab_v2, "DeepLabV2", build)
    torch.manual_seed(0)
    return build().eval()


def test_without_the_file_it_says_where_it_is_had(bare, tmp_path) -> None:
    with pytest.raises(NotAvailable, match=r"zebra pixels needs deeplabv2_resnet101_msc-cocostuff164k-100000\.pth"):
        DeepLabCOCOStuff(tmp_path).check()


@pytest.mark.parametrize("with_counters", [True, False])
def test_features_are_shares_by_the_files_weights(thin, tmp_path, with_counters: bool) -> None:
    state = {name: value for name, value in thin.state_dict().items() if with_counters or "num_batches" not in name}
    torch.save(state, tmp_path / WEIGHTS.name)
    images = [np.random.default_rng(0).integers(0, 256, size, np.uint8) for size in ((40, 30, 3), (30, 40, 3))]
    extractor = DeepLabCOCOStuff(tmp_path)
    shares = extractor.features(images)
    assert shares.shape == (2, 182)
    assert shares.sum(1) == pytest.approx([1, 1], abs=1e-5)
    with torch.no_grad():
        for image, found in zip(images, shares, strict=True):
            expected = ClassShares(thin)(extractor.preprocess(image)[None])[0]
            assert np.abs(found - expected.numpy()).max() < 1e-3


def test_the_longer_side_becomes_513_pixels_in_the_order_blue_green_red() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (100, 50, 3), np.uint8)
    found = DeepLabCOCOStuff().preprocess(pixels)
    assert found.shape == (3, 513, 256)
    blue = torch.from_numpy(pixels[:, :, 2].astype(np.float32))[None, None]
    expected = F.interpolate(blue, size=(513, 256), mode="bilinear").round()[0, 0] - 104.008
    apart = (found[0] - expected).abs()
    assert (apart > 1e-3).float().mean() < 1e-4  # halves may be rounded either way
    plain = np.full((8, 8, 3), (10, 20, 30), np.uint8)  # red, green, blue
    assert DeepLabCOCOStuff().preprocess(plain)[:, 0, 0].tolist() == pytest.approx(
        [30 - 104.008, 20 - 116.669, 10 - 122.675], abs=1e-4
    )


def test_weights_of_another_network_are_refused(thin, tmp_path) -> None:
    torch.save({**thin.state_dict(), "base.fc.weight": torch.zeros(2)}, tmp_path / WEIGHTS.name)
    with pytest.raises(BenchError, match=r"base\.fc\.weight"):
        DeepLabCOCOStuff(tmp_path).network()
